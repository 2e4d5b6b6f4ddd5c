"""mark-good and mark-bad: who may say what of a version, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tagship.domain.mark import Mark
from tagship.domain.standing import marked_bad
from tagship.errors import DeployFailed, Refused, ServiceFailed, SettingsError, UsageError
from tagship.ports.repository import Tag
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tagship.verbs.status import status
from tests.fakes.app import FakeApp
from tests.fakes.repository import FakeRepository
from tests.fakes.target import FakeTarget, machine

ONE, TWO = "0.1.1-dev", "0.1.2-dev"


def failed() -> FakeApp:
    """ONE is healthy on dev, TWO failed."""
    app = FakeApp(hosts=FakeTarget([machine("web-1")]))
    app.publish(ONE, TWO)
    deploy(app, artifact=ONE)
    app.hosts.machines[0].answers.append("failed")
    with pytest.raises(DeployFailed):
        deploy(app, artifact=TWO)
    app.screen.lines.clear()
    return app


def bad(app: FakeApp) -> set[str]:
    return marked_bad(app.ledger.deployments("dev"), app.ledger.marks("dev"))


def test_a_version_that_failed_is_good_again_once_somebody_says_why() -> None:
    app = failed()
    assert bad(app) == {TWO}
    mark = mark_good(app, version=TWO, reason="the disk\nwas  full")
    assert (mark.who, mark.environment, mark.artifact_id, mark.reason) == (
        "ada@laptop",
        "dev",
        TWO,
        "the disk was full",
    )
    assert bad(app) == set()
    assert app.screen.lines[0].startswith(f"{TWO} counts as bad on dev: it failed on 2026-11-20")
    assert app.screen.lines[1] == f"{TWO} is good on dev now (ada@laptop: the disk was full)"


def test_a_version_that_nobody_calls_bad_needs_no_word() -> None:
    with pytest.raises(Refused) as caught:
        mark_good(failed(), version=ONE, reason="I like it")
    assert caught.value.what == f"{ONE} is not marked bad on dev."


NEVER = "0.9.9-dev"


def with_a_repository() -> FakeApp:
    app = failed()
    app.given["repository"] = FakeRepository()
    app.given["repository"].commit("Begin")
    return app


def tagged_here(app: FakeApp) -> None:
    app.repository.create_tag(NEVER, app.given["repository"].head, NEVER)


def tagged_on_the_remote(app: FakeApp) -> None:
    tagged_here(app)
    app.given["repository"].remote.tags[NEVER] = app.given["repository"].local.pop(NEVER)


def published(app: FakeApp) -> None:
    app.publish(NEVER)


@pytest.mark.parametrize("happens", [tagged_here, tagged_on_the_remote, published])
def test_a_version_that_was_never_deployed_may_be_marked_if_it_exists(happens: Callable[[FakeApp], None]) -> None:
    app = with_a_repository()
    happens(app)
    mark_bad(app, version=NEVER, reason="it sends every mail twice")
    assert NEVER in bad(app)


@pytest.mark.parametrize("mark", [mark_bad, mark_good])
def test_a_version_that_never_was_is_refused_and_the_nearest_is_named(mark: Callable[..., Mark]) -> None:
    app = with_a_repository()
    with pytest.raises(Refused) as caught:
        mark(app, version=NEVER, reason="it sends every mail twice")
    assert caught.value.what == f"{NEVER} was never deployed to dev or published for it, and has no tag."
    look = "See what ran: inv history --env dev"
    assert caught.value.remedy == f"Name one that is known, the nearest {TWO}, {ONE}. {look}"
    assert app.ledger.marked == []


def test_where_nothing_was_deployed_a_look_at_the_versions_is_offered_and_no_mark() -> None:
    app = FakeApp(given={"repository": FakeRepository()})
    app.publish(ONE)
    with pytest.raises(Refused) as caught:
        mark_bad(app, version=NEVER, reason="it is slow")
    assert caught.value.remedy == f"Name one that is known, the nearest {ONE}. See the versions: inv versions --env dev"


def test_a_remote_that_cannot_be_asked_for_the_tag_is_said() -> None:
    app = with_a_repository()
    app.given["repository"].remote.reachable = False
    with pytest.raises(Refused, match=r"has no tag that can be asked for \("):
        mark_bad(app, version=NEVER, reason="it is slow")


def test_before_anything_was_deployed_the_tags_are_named() -> None:
    app = FakeApp(given={"repository": FakeRepository()})
    with pytest.raises(Refused) as caught:
        mark_bad(app, version=NEVER, reason="it is slow")
    assert caught.value.remedy.endswith("See the tags: inv versions --env dev")


def test_a_mark_on_a_version_that_is_gone_can_be_taken_back() -> None:
    app = with_a_repository()
    published(app)
    mark_bad(app, version=NEVER, reason="it is slow")
    app.remove(NEVER)
    mark_good(app, version=NEVER, reason="it is not")
    assert NEVER not in bad(app)


def test_what_runs_is_said_to_run_on_and_the_way_back_is_named() -> None:
    app = failed()
    app.publish("0.1.0-dev")
    app.ledger.ran("0.1.0-dev")
    app.screen.warnings.clear()
    mark_bad(app, version=ONE, reason="it is slow")
    assert app.screen.warnings == [f"{ONE} runs on dev: a mark does not take it back"]
    assert app.screen.lines[-1] == "  to take it back: inv rollback --to 0.1.0-dev --env dev"


def test_what_does_not_run_has_no_way_back() -> None:
    app = failed()
    mark_bad(app, version=TWO, reason="it is slow")
    assert "take it back" not in app.screen.text


def test_marks_made_in_one_second_keep_their_order() -> None:
    app = failed()
    for _ in range(4):
        mark_bad(app, version=ONE, reason="it is slow")
        assert ONE in bad(app)
        mark_good(app, version=ONE, reason="it is not")
        assert ONE not in bad(app)


def test_what_was_said_before_is_shown() -> None:
    app = failed()
    mark_bad(app, version=TWO, reason="it is slow, too")
    assert app.screen.lines[0].startswith(f"already: {TWO} counts as bad on dev: it failed on")


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 501, "bell \a"])
def test_a_reason_is_needed_on_one_line(reason: str) -> None:
    app = failed()
    with pytest.raises(UsageError) as caught:
        mark_good(app, version=TWO, reason=reason)
    assert caught.value.remedy == f"Give it: inv mark-good --version {TWO} --env dev --reason '…'"
    assert app.ledger.marked == []


def test_a_dry_run_keeps_nothing() -> None:
    app = failed()
    mark_good(app, version=TWO, reason="the disk was full", dry_run=True)
    assert bad(app) == {TWO}


def with_tags(app: FakeApp) -> FakeApp:
    app.given["repository"] = repository = FakeRepository()
    repository.local[ONE] = Tag(ONE, "0" * 40, "c0ffee")
    return app


def test_what_is_no_version_and_no_environment_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        mark_bad(with_tags(failed()), version="latest", reason="it is slow")
    assert caught.value.remedy == f"Name it, the latest of dev: --version {ONE}"
    with pytest.raises(SettingsError):
        mark_bad(failed(), version=ONE, env="prod", reason="it is slow")


def test_status_says_that_what_runs_is_marked_bad() -> None:
    app = failed()
    mark_bad(app, version=ONE, reason="it sends every mail twice")
    [found] = status(app)
    assert found.bad.endswith("it sends every mail twice")
    assert any(one.startswith(f"{ONE} is marked bad: ada@laptop marked it bad on") for one in app.screen.warnings)


def test_a_ledger_that_is_silent_after_the_mark_was_made_does_not_unsay_it() -> None:
    app = failed()
    write, read = app.ledger.mark, app.ledger.deployments

    def silent(*_: object) -> Any:
        raise ServiceFailed("AWS does not answer.", remedy="Run the same command again")

    def made(mark: Mark) -> None:
        write(mark)
        app.ledger.deployments = silent  # type: ignore[method-assign]

    app.ledger.mark = made  # type: ignore[method-assign]
    assert mark_bad(app, version=ONE, reason="broken").verdict == "bad"
    assert app.screen.warnings[-1:] == ["can't tell if it runs on dev: AWS does not answer."]
    app.ledger.deployments = read  # type: ignore[method-assign]
    assert ONE in bad(app)


def test_the_blank_of_a_remedy_is_no_reason() -> None:
    with pytest.raises(UsageError, match="A reason is needed"):
        mark_good(failed(), version=TWO, reason="…")
