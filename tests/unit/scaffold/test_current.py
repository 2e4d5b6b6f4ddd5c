"""Workflows that are not what init would write today: found by doctor, and mended by the command that it names."""

from __future__ import annotations

import base64
import json
import os
import zlib
from pathlib import Path

import pytest

from tagship.adapters.git.surroundings import surroundings
from tagship.scaffold.current import outdated
from tagship.scaffold.written import RECORD
from tagship.verbs.doctor import doctor
from tests.unit.verbs.test_doctor import healthy
from tests.unit.verbs.test_init import SERVICE, begin, repository, wheel

__all__ = ["wheel"]  # a fixture
WORKFLOW = ".github/workflows/deploy-dev.yml"


@pytest.fixture
def root(tmp_path: Path, wheel: Path) -> Path:
    made = repository(tmp_path / "shop", SERVICE)
    begin(made, wheel)
    return made


def changed(root: Path) -> list[str] | None:
    names = outdated(surroundings(root, os.environ))
    return None if names is None else list(names)


def test_what_init_just_wrote_is_current(root: Path) -> None:
    assert changed(root) == []


def test_edits_of_a_person_are_no_reason(root: Path) -> None:
    text = (root / WORKFLOW).read_text()
    (root / WORKFLOW).write_text(text.replace("timeout-minutes: 10", "timeout-minutes: 20"))
    assert changed(root) == []


def test_what_another_tagship_wrote_is_outdated_and_an_update_mends_it(root: Path, wheel: Path) -> None:
    older = (root / WORKFLOW).read_bytes().replace(b"timeout-minutes: 10", b"timeout-minutes: 11")
    record = json.loads((root / RECORD).read_text())
    record["written"][WORKFLOW] = base64.b64encode(zlib.compress(older)).decode()
    (root / RECORD).write_text(json.dumps(record))
    (root / WORKFLOW).write_bytes(older)
    assert changed(root) == [WORKFLOW]
    begin(root, wheel, update=True)
    assert changed(root) == []


def test_what_tagship_toml_asks_for_by_now_and_nobody_wrote_is_named(root: Path) -> None:
    text = (root / "tagship.toml").read_text()
    dev = text[text.index("[environments.dev]") :]
    (root / "tagship.toml").write_text(
        text + "\n" + dev.replace("environments.dev", "environments.prod") + '\n[promotion]\norder = ["dev", "prod"]\n'
    )
    assert {".github/workflows/rollback.yml", ".github/workflows/verify.yml"} <= set(changed(root) or [])


def test_where_init_wrote_nothing_nothing_is_said(tmp_path: Path) -> None:
    app = healthy(tmp_path)
    assert [finding for finding in doctor(app).findings if finding.about == "workflows"] == []


def test_doctor_names_the_file_and_the_command(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    app = healthy(tmp_path / "other")
    app.given["surroundings"] = surroundings(root, os.environ)
    [current] = [finding for finding in doctor(app).findings if finding.about == "workflows"]
    assert current.state == "ok"
    (root / WORKFLOW).unlink()
    [gone] = [finding for finding in doctor(app).findings if finding.about == "workflows"]
    assert (gone.state, gone.fix) == ("warning", "tagship init --update")
    assert gone.words == f"{WORKFLOW} is not as this tagship writes it for tagship.toml"
