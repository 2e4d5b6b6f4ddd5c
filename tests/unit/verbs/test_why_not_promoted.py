"""why-not of what would be promoted: every gate of promote, in the words in which promote refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import Refused
from tagship.verbs import tested as verb
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.promote import promote
from tagship.verbs.why_not import Everywhere, WhyNot, why_not
from tests.fakes.app import FakeApp
from tests.unit.verbs.test_promote import NEW, OLD, ORDER, an_app, in_preprod, promotable

OF_PROMOTION = ["artifact", "provenance", "health", "marks before", "tests", "bake", "superseded"]
OF_DEPLOY = ["marks", "order", "units", "running", "freeze", "lease"]


def asked(app: FakeApp, version: str = NEW, env: str = "preprod") -> WhyNot:
    found = why_not(app, env=env, version=version)
    assert isinstance(found, WhyNot)
    return found


def blocked(found: WhyNot) -> list[str]:
    return [gate.name for gate in found.gates if gate.problem]


def test_a_version_that_came_through_can_be_promoted(tmp_path: Path) -> None:
    app = promotable(tmp_path)
    found = asked(app)
    assert [gate.name for gate in found.gates] == [*OF_PROMOTION, *OF_DEPLOY]
    assert blocked(found) == []
    command = f"inv promote --from dev --to preprod --version {NEW}"
    assert app.screen.lines[-1] == f"{NEW} can go to preprod: {command}"
    words = {gate.name: gate.found for gate in found.gates}
    assert words["tests"] == "passed on dev, by the record of ada@laptop"
    assert words["superseded"] == "dev runs it"
    promote(app, source="dev", to="preprod", artifact=NEW, yes=True)


def marked(app: FakeApp) -> None:
    mark_bad(app, version=NEW, env="dev", reason="it is slow")


@pytest.mark.parametrize(
    ("gate", "promotion", "happens"),
    [
        ("bake", {"bake": 30}, lambda _: None),
        ("marks before", {}, marked),
    ],
)
def test_a_gate_that_is_shut_is_said_in_the_words_in_which_promote_refuses(
    gate: str, promotion: dict[str, Any], happens: Callable[[FakeApp], None], tmp_path: Path
) -> None:
    app = an_app(tmp_path, **promotion)
    verb.tested(app, env="dev")
    happens(app)
    found = asked(app)
    assert blocked(found) == [gate]
    [shut] = [one for one in found.gates if one.problem]
    with pytest.raises(Refused) as refused:
        promote(app, source="dev", to="preprod", artifact=NEW, yes=True)
    assert (shut.problem, shut.remedy) == (refused.value.what, refused.value.remedy)


def test_tests_that_nobody_recorded_are_named(tmp_path: Path) -> None:
    found = asked(an_app(tmp_path))
    assert blocked(found) == ["tests"]
    [shut] = [one for one in found.gates if one.problem]
    assert shut.remedy == f"Run them, then record it: inv tested --version {NEW} --env dev"


def test_a_version_that_was_never_healthy_before_is_named(tmp_path: Path) -> None:
    found = asked(promotable(tmp_path), OLD)
    assert {"health", "tests"} <= set(blocked(found))
    assert f"{OLD} was never healthy on dev." in [gate.problem for gate in found.gates]


def test_provenance_that_the_next_environment_requires_is_asked_for(tmp_path: Path) -> None:
    app = promotable(tmp_path)
    preprod = app.settings.environments["preprod"].model_copy(update={"require_attestation": True})
    object.__setattr__(app.settings, "environments", {**app.settings.environments, "preprod": preprod})
    found = asked(app)
    assert blocked(found) == ["provenance"]


def test_another_version_that_runs_before_by_now_is_said_and_blocks_nothing(tmp_path: Path) -> None:
    app = promotable(tmp_path)
    deploy(app, artifact=OLD, env="dev", allow_older=True)
    words = {gate.name: gate.found for gate in asked(app).gates}
    assert words["superseded"] == f"dev runs {OLD} now; a version that you name is promoted anyway"


def test_what_was_promoted_earlier_is_asked_for_by_the_environment_before(tmp_path: Path) -> None:
    app = promotable(tmp_path)
    in_preprod(app)
    found = asked(app)
    assert [gate.name for gate in found.gates][: len(OF_PROMOTION)] == OF_PROMOTION
    assert blocked(found) == ["running"]


def test_the_first_of_the_order_and_a_version_that_is_nowhere_are_asked_for_as_ever(tmp_path: Path) -> None:
    app = promotable(tmp_path)
    for version, env in ((NEW, ORDER[0]), ("0.1.99-dev", "preprod")):
        assert [gate.name for gate in asked(app, version, env).gates][:2] == ["artifact", "branch"]


def test_all_environments_are_asked_for_in_one_table(tmp_path: Path) -> None:
    app = promotable(tmp_path)
    found = why_not(app, env="all", version=NEW)
    assert isinstance(found, Everywhere)
    assert [place.environment for place in found.places] == list(ORDER)
    _, rows = app.screen.tables[-1]
    assert [row[:3] for row in rows if row[0] == "preprod"] == [["preprod", "ok", ""]]
    shut = {row[0]: row[2] for row in reversed(rows) if row[1] == "blocked"}
    assert shut == {"dev": "running", "prod": "artifact"}
    with pytest.raises(Refused, match=f"{NEW} can't go to prod"):
        found.insist()
