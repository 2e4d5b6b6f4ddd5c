"""rollback, where stored artifacts were altered: they are passed over, said, and no remedy names them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.errors import ArtifactMissing, NotAuthentic
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.prompt import FakePrompt
from tests.fakes.repository import FakeRepository
from tests.unit.verbs.test_rollback import ONE, THREE, TWO, after

FOUR = "0.1.4-dev"


def alter(app: FakeApp, version: str) -> None:
    """Somebody puts another bundle under a version."""
    key = f"hello/dev/{version}/deploy-bundle.tar.gz"
    app.store.objects[key] = replace(app.store.objects[key], sha256="0" * 64)


def passed_over(app: FakeApp) -> list[str]:
    return [warning.split()[0] for warning in app.screen.warnings if "is ignored: " in warning]


def test_an_unnamed_rollback_takes_the_next_good_one_and_says_why() -> None:
    app = after(ONE, TWO, THREE)
    alter(app, TWO)
    assert rollback(app, yes=True).plan.artifact_id == ONE
    assert passed_over(app) == [TWO]
    assert f"hello/dev/{TWO}/deploy-bundle.tar.gz is not the bundle that its manifest names" in app.screen.text


def test_one_whose_bundle_is_gone_is_passed_over_as_well() -> None:
    app = after(ONE, TWO, THREE)
    del app.store.objects[f"hello/dev/{TWO}/deploy-bundle.tar.gz"]
    assert rollback(app, yes=True).plan.artifact_id == ONE
    assert passed_over(app) == [TWO]


def test_the_list_does_not_begin_with_an_altered_one_and_one_that_is_taken_leads_back_to_it() -> None:
    app = replace(after(ONE, TWO, THREE, FOUR), prompt=FakePrompt(ONE, TWO))
    alter(app, THREE)
    alter(app, ONE)
    assert rollback(app).plan.artifact_id == TWO
    assert [list(choices) for choices in app.prompt.offered] == [[TWO, ONE], [TWO]]
    assert passed_over(app) == [THREE, ONE]


def test_if_every_other_one_was_altered_it_says_so_with_its_exit() -> None:
    app = after(ONE, TWO)
    alter(app, ONE)
    with pytest.raises(NotAuthentic) as caught:
        rollback(app, yes=True)
    assert caught.value.exit_code == 5
    assert caught.value.what == f"There is nothing to roll dev back to: {ONE} can't be used as stored."
    assert caught.value.remedy == "See what ran: inv history --env dev"


def test_if_the_others_are_altered_or_bad_the_way_to_a_bad_one_that_is_whole_is_named() -> None:
    app = after(ONE, TWO, THREE, FOUR)
    for version in (TWO, THREE):
        mark_bad(app, version=version, reason="it is slow")
    alter(app, ONE)
    alter(app, THREE)
    with pytest.raises(NotAuthentic) as caught:
        rollback(app, yes=True)
    assert caught.value.remedy.endswith(f"it is slow): inv rollback --to {TWO} --env dev --allow-bad")
    assert rollback(app, to=TWO, env="dev", allow_bad=True).state == "healthy"


def test_a_named_one_that_was_altered_is_refused_with_a_good_one() -> None:
    app = after(ONE, TWO, THREE)
    alter(app, TWO)
    with pytest.raises(NotAuthentic) as caught:
        rollback(app, to=TWO)
    assert caught.value.remedy == f"Go to the last good one: inv rollback --to {ONE} --env dev"


def test_a_typo_is_answered_with_no_altered_one() -> None:
    app = after(ONE, TWO, THREE)
    alter(app, TWO)
    with pytest.raises(ArtifactMissing) as caught:
        rollback(app, to="0.1.22-dev")
    assert caught.value.remedy == f"Go to the last good one: inv rollback --to {ONE} --env dev"
    assert (
        caught.value.state
        == f"Nothing was changed. Stored for dev: {THREE} (runs now), {TWO} (can't be used as stored), {ONE}."
    )
    app.given["repository"] = FakeRepository()
    with pytest.raises(ArtifactMissing) as caught:
        deploy(app, artifact="0.1.22-dev")
    assert "Release it: inv deploy-dev --version 0.1.22-dev" in caught.value.remedy
    assert "inv deploy --version" not in caught.value.remedy  # one is altered, one is older, and one runs now


def test_looking_for_another_one_says_of_none_that_nobody_signed_it() -> None:
    app = FakeApp(settings=settings(environments=environments(allow_unsigned=True)))
    for version in (ONE, TWO):
        app.publish(version, signed=False)
        deploy(app, artifact=version)
    before = len(app.screen.warnings)
    with pytest.raises(ArtifactMissing):
        rollback(app, to="0.1.22-dev")
    assert len(app.screen.warnings) == before
