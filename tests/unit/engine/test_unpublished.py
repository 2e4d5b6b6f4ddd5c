"""A version that is not stored: the error leads to it, and not to another alone."""

from __future__ import annotations

import pytest

from tagship.domain.version import ArtifactId
from tagship.engine.unpublished import deployable
from tagship.errors import ArtifactMissing, ServiceFailed
from tagship.ports.repository import Tag
from tagship.verbs.deploy import deploy
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.repository import FakeRepository

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
OTHER = f"Or take another. Stored versions: {OLD}. Take one: inv deploy --version {OLD} --env dev"
TAG = Tag(NEW, "1" * 40, "2" * 40)


def ways(repository: FakeRepository, asked: str = NEW, env: str = "dev", app: FakeApp | None = None) -> list[str]:
    """What the error says to do, line by line."""
    app = app or FakeApp()
    if not app.store.objects:
        app.publish(OLD)
    app.given["repository"] = repository
    with pytest.raises(ArtifactMissing) as caught:
        deployable(app, env, ArtifactId(asked))
    return [line.strip() for line in caught.value.remedy.splitlines()]


def test_a_tag_on_the_remote_has_a_run_that_did_not_publish_it() -> None:
    repository = FakeRepository()
    repository.remote.tags[NEW] = TAG
    again = f"inv deploy-dev --version {NEW} --commit {'2' * 12} --rerun"
    assert ways(repository) == [f"{NEW} is tagged, and its CI run did not publish it. Run that again: {again}", OTHER]


def test_a_tag_of_this_clone_alone_is_pushed() -> None:
    repository = FakeRepository()
    repository.local[NEW] = TAG
    push = f"inv deploy-dev --version {NEW} --commit {'2' * 12}"
    assert ways(repository) == [f"{NEW} is tagged in this clone alone. Push it: {push}", OTHER]


def test_a_version_without_a_tag_is_released_unless_later_ones_are_out() -> None:
    [first, _] = ways(FakeRepository())
    assert first == f"{NEW} has no tag. Release it: inv deploy-dev --version {NEW}"
    [first, _] = ways(FakeRepository(), "0.1.7-dev")
    assert first == "0.1.7-dev has no tag, and later versions are out. See which: inv versions --env dev"


def test_a_version_whose_suffix_was_left_out_is_named() -> None:
    [first, _] = ways(FakeRepository(), "0.1.29")
    assert first == f"Deploy {OLD}, which is stored: inv deploy --version {OLD} --env dev"


def test_a_version_of_another_environment_is_promoted() -> None:
    dev = environments()["dev"]
    app = FakeApp(settings=settings(environments={"dev": dev, "preprod": {**dev, "branch": "main"}}))
    [first, _] = ways(FakeRepository(), OLD, "preprod", app)
    assert first == f"It is a version of dev. Promote it: inv promote --from dev --to preprod --version {OLD}"


def test_where_git_does_not_answer_what_is_stored_is_left() -> None:
    class Silent(FakeRepository):
        def remote_tag(self, version: str) -> Tag | None:
            raise ServiceFailed("origin does not answer.", remedy="Wait")

    stored, run = ways(Silent())
    assert stored.startswith(f"Stored versions: {OLD}. ")
    assert run == "If it should exist, look in its CI run for why publishing failed"


def test_of_what_is_stored_the_one_that_runs_is_not_offered() -> None:
    app = FakeApp()
    app.publish(OLD)
    deploy(app, artifact=OLD)
    [_, other] = ways(FakeRepository(), NEW, app=app)
    assert other == f"Or take another. Stored versions: {OLD}. Ship a version: inv deploy-dev"
