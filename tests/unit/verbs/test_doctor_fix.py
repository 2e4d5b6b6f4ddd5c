"""doctor --fix: shows what it would run, asks, runs it, and looks again; nothing that changes or deletes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tagship.errors import Interrupted, UsageError
from tagship.verbs.doctor import doctor
from tagship.verbs.setup import setup
from tests.fakes.app import FakeApp
from tests.fakes.foundation import FakeFoundation
from tests.fakes.prompt import FakePrompt
from tests.unit.verbs.test_doctor import FakeMachine, healthy


def never_set_up(root: Path) -> FakeApp:
    app = healthy(root)
    app.given["foundation"] = FakeFoundation()
    shutil.rmtree(root / "keys")
    app.given["machine"] = FakeMachine(does=lambda _: bool(setup(app)) - 1)
    return app


def test_what_is_missing_is_made_after_a_yes_and_looked_at_again(tmp_path: Path) -> None:
    app = never_set_up(tmp_path)
    app.prompt = FakePrompt(True)
    examined = doctor(app, fix=True)
    assert app.given["machine"].ran == ["inv setup"]
    assert app.prompt.asked == ["Run it?"]
    assert "  inv setup" in app.screen.lines
    assert examined.failing == 0


def test_a_no_runs_nothing(tmp_path: Path) -> None:
    app = never_set_up(tmp_path)
    app.prompt = FakePrompt(False)
    with pytest.raises(Interrupted):
        doctor(app, fix=True)
    assert app.given["machine"].ran == []


def test_without_a_terminal_it_wants_yes(tmp_path: Path) -> None:
    app = never_set_up(tmp_path)
    with pytest.raises(UsageError) as caught:
        doctor(app, fix=True)
    assert caught.value.remedy == "Say it: inv doctor --fix --yes"
    assert app.given["machine"].ran == []
    assert doctor(app, fix=True, yes=True).failing == 0


def test_a_fix_that_fails_is_said_and_what_fails_still_fails(tmp_path: Path) -> None:
    app = never_set_up(tmp_path)
    app.given["machine"] = FakeMachine(does=lambda _: 8)
    assert doctor(app, fix=True, yes=True).failing
    assert app.screen.warnings[-1:] == ["it failed (exit code 8): inv setup"]


def test_what_is_in_use_is_left_to_a_person(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    app.given["foundation"].put_document("tagship-deploy", '{"schemaVersion": "2.2"}')
    (tmp_path / ".github/workflows/deploy-dev.yml").unlink()
    doctor(app, fix=True, yes=True)
    assert app.given["machine"].ran == []
    assert app.screen.lines[-1] == "Nothing here can be mended without you: the lines above say how."
