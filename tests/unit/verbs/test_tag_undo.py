"""`tag-undo`: one's own, and only the very tag that was looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tagship.errors import Interrupted, Refused, ServiceFailed, TagshipError, UsageError
from tagship.ports.forge import Run
from tagship.ports.repository import Tag
from tagship.verbs.tag_undo import tag_undo
from tests.fakes.forge import FakeForge
from tests.fakes.prompt import CTRL_C
from tests.fakes.repository import FakeRemote
from tests.unit.channel import Release


def refused(release: Release, kind: type[TagshipError] = Refused, **flags: object) -> TagshipError:
    release.before = release.snapshot()
    with pytest.raises(kind) as told:
        tag_undo(release.app, **{"version": "0.1.0-dev", "yes": True, **flags})  # type: ignore[arg-type]
    assert release.unchanged
    return told.value


def test_ones_own_tag_goes_on_both_sides() -> None:
    release = Release()
    done = tag_undo(release.app, version="0.1.0-dev", yes=True)
    assert done.outcome == "undone"
    assert release.repository.local == release.remote.tags == {}
    oid = release.before[0]["0.1.0-dev"].oid  # type: ignore[index]
    assert (
        f"git push --no-follow-tags --force-with-lease=refs/tags/0.1.0-dev:{oid} origin :refs/tags/0.1.0-dev"
        in done.commands
    )
    assert release.app.screen.lines[-1] == "The tag 0.1.0-dev is gone."
    assert release.app.screen.warnings == [
        (
            "Could not ask whether 0.1.0-dev was published or deployed"
            " (there are no AWS credentials, and CI was not asked)."
        )
    ]


def test_a_tag_that_was_never_pushed_goes_here() -> None:
    release = Release()
    release.repository.create_tag("0.1.1-dev", release.repository.head, "mine")
    tag_undo(release.app, version="0.1.1-dev", yes=True)
    assert release.repository.tag("0.1.1-dev") is None
    assert "0.1.0-dev" in release.remote.tags


def published(release: Release) -> None:
    release.app.publish("0.1.0-dev")


def deployed(release: Release) -> None:
    release.app.ledger.ran("0.1.0-dev")
    release.app.ledger.ran("0.0.9-dev")


def gone_from_the_bucket(release: Release) -> None:
    published(release)
    deployed(release)
    release.app.remove("0.1.0-dev")


@pytest.mark.parametrize("use", [published, deployed, gone_from_the_bucket])
def test_a_version_that_was_published_or_deployed_keeps_its_tag(use: Callable[[Release], None]) -> None:
    release = Release()
    release.app.signed_in = True
    use(release)
    problem = refused(release)
    assert problem.what.startswith("0.1.0-dev keeps its tag: it ")
    assert "inv deploy-dev --version 0.1.1-dev" in problem.remedy


def test_of_the_one_that_serves_the_way_back_is_said_too() -> None:
    release = Release()
    release.app.signed_in = True
    release.app.ledger.ran("0.1.0-dev")
    problem = refused(release)
    assert problem.state == "dev runs 0.1.0-dev."
    assert problem.remedy.startswith("Go back to another version: inv rollback --env dev")


def test_without_credentials_a_run_of_ci_is_reason_enough() -> None:
    release = Release()
    release.app.given["forge"] = forge = FakeForge()
    forge.of_tag["0.1.0-dev"] = Run("7", "https://github.com/acme/hello/actions/runs/7", "completed", "failure")
    problem = refused(release)
    assert "CI ran for 0.1.0-dev (https://github.com/acme/hello/actions/runs/7)" in problem.what
    assert "inv deploy-dev --version 0.1.1-dev" in problem.remedy


def test_what_ci_never_ran_for_may_go() -> None:
    release = Release()
    release.app.given["forge"] = FakeForge()
    assert tag_undo(release.app, version="0.1.0-dev", yes=True).outcome == "undone"
    assert not release.app.screen.warnings


def test_somebody_elses_tag_stays() -> None:
    release = Release()
    release.grace_takes("0.1.0-dev")
    problem = refused(release)
    assert problem.what == "0.1.0-dev is Grace <grace@example.com>'s; you are Ada <ada@example.com>."


def test_a_lightweight_tag_is_nobodys_and_stays() -> None:
    release = Release()
    head = release.repository.head
    release.remote.tags["0.1.9-dev"] = Tag("0.1.9-dev", head, head)
    assert "lightweight" in refused(release, version="0.1.9-dev").what


def test_a_tag_that_is_nowhere_is_refused() -> None:
    assert "There is no tag 0.7.0-dev" in refused(Release(), version="0.7.0-dev").what


def test_a_tag_replaced_meanwhile_stays() -> None:
    release = Release("yes")
    release.repository.during_push = lambda: release.grace_takes("0.1.0-dev") and None
    with pytest.raises(Refused, match="stale info"):
        tag_undo(release.app, version="0.1.0-dev", yes=True)
    assert release.remote.tags["0.1.0-dev"].tagger.startswith("Grace")
    assert "0.1.0-dev" in release.repository.local


def test_an_unreachable_remote_leaves_the_local_tag_too() -> None:
    release = Release()
    release.remote.reachable = False
    assert refused(release, ServiceFailed).exit_code == 8


def test_a_dry_run_shows_and_stops() -> None:
    release = Release()
    assert tag_undo(release.app, version="0.1.0-dev", dry_run=True).outcome == "planned"
    assert release.unchanged


def test_it_asks_once_and_takes_no_for_an_answer() -> None:
    assert refused(Release(False), Interrupted, yes=False).what == "Not confirmed."
    assert refused(Release(CTRL_C), Interrupted, yes=False).exit_code == 130


def test_without_a_terminal_it_wants_yes() -> None:
    assert refused(Release(), UsageError, yes=False).remedy.endswith("inv tag-undo --version 0.1.0-dev --yes")


@pytest.mark.parametrize("version", ["", "latest", "0.1.0-dev; rm -rf /"])
def test_it_wants_a_version(version: str) -> None:
    assert refused(Release(), UsageError, version=version).exit_code == 2


def test_a_place_that_keeps_the_tag_is_named() -> None:
    release = Release()
    tag = release.remote.tags["0.1.0-dev"]
    refuses = {"refs/tags/0.1.0-dev": "deletion prohibited"}
    release.remote.mirror = FakeRemote(tags={"0.1.0-dev": tag}, refuses=refuses, says=("tags stay",))
    with pytest.raises(Refused, match="origin did not delete") as told:
        tag_undo(release.app, version="0.1.0-dev", yes=True)
    assert told.value.what.endswith("(deletion prohibited); tags stay.")
    assert told.value.state == "origin has nothing of it; mirror has the tag 0.1.0-dev."
    assert release.repository.tag("0.1.0-dev") == tag


# -- what is cut off ---------------------------------------------------------------------------------------------------


def breaks(kind: type[BaseException] = ServiceFailed) -> Callable[[], None]:
    def breaking() -> None:
        raise kind("The connection broke.", remedy="Try it.") if kind is ServiceFailed else kind()

    return breaking


def cut_off(release: Release, kind: type[TagshipError] = ServiceFailed) -> TagshipError:
    with pytest.raises(kind) as caught:
        tag_undo(release.app, version="0.1.0-dev", yes=True)
    return caught.value


NEXT = "Ask it: git ls-remote origin refs/tags/0.1.0-dev\n       Then: inv tag-undo --version 0.1.0-dev --yes"


@pytest.mark.parametrize(("broken", "kind"), [(ServiceFailed, ServiceFailed), (KeyboardInterrupt, Interrupted)])
def test_if_the_remote_still_has_the_tag_the_error_says_so_and_the_local_one_stays(
    broken: type[BaseException], kind: type[TagshipError]
) -> None:
    release = Release()
    release.repository.during_push = breaks(broken)
    problem = cut_off(release, kind)
    assert (problem.state, problem.remedy) == ("origin still has 0.1.0-dev.", NEXT)
    assert release.repository.tag("0.1.0-dev")


def test_if_only_the_answer_was_lost_the_tag_goes_here_too() -> None:
    release = Release()
    release.repository.undoing = breaks()
    assert tag_undo(release.app, version="0.1.0-dev", yes=True).outcome == "undone"
    assert release.repository.local == release.remote.tags == {}
    assert "origin did not answer to the end, but no longer has 0.1.0-dev" in release.app.screen.warnings


def test_if_the_remote_does_not_answer_afterwards_nothing_is_claimed() -> None:
    release = Release()

    def goes() -> None:
        release.remote.reachable = False
        raise ServiceFailed("The connection broke.", remedy="Try it.")

    release.repository.undoing = goes
    problem = cut_off(release)
    assert problem.state == "Can't tell whether origin still has 0.1.0-dev; no local tag was deleted."
    assert problem.remedy == NEXT


def test_a_local_tag_that_git_does_not_delete_is_not_called_gone() -> None:
    release = Release()
    release.repository.stuck = True
    problem = cut_off(release, Refused)
    assert problem.what == "Git did not delete 0.1.0-dev here."
    assert problem.state == "origin no longer has 0.1.0-dev; this clone still has it."
    assert problem.remedy == "Delete it: git tag --delete 0.1.0-dev"
