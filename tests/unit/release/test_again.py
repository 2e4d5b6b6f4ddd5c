"""deploy-dev of a version that is out already: what became of it, what serves now, and the way on if it failed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tagship.domain.deployment import Entry
from tagship.errors import DeployFailed, Refused, ServiceFailed, UsageError
from tagship.ports.forge import Notice, Run
from tagship.verbs.deploy_dev import Shipped, deploy_dev
from tests.fakes.forge import FakeForge
from tests.unit.channel import Release

URL = "https://github.com/acme/hello/actions/runs/7"
HEALTHY = Notice("notice", "tagship exit 0", "0.1.1-dev is healthy on dev")
BROKEN = Notice("failure", "tagship exit 6", "0.1.1-dev failed on dev (it answered 500); 0.1.0-dev is serving")
EVIDENCE = Notice("failure", "tagship evidence", "KeyError: 'DATABASE_URL'")


def run(state: str, conclusion: str = "") -> Run:
    return Run("7", URL, state, conclusion, updated="2026-11-20T11:00:00Z")


SUCCEEDED = FakeForge(run("completed", "success"), notices=[HEALTHY])


def out(*answers: object) -> Release:
    """0.1.1-dev is this commit's, and on the remote."""
    release = Release(*answers)
    deploy_dev(release.app, yes=True, follow=False)
    release.before = release.snapshot()
    release.repository.pushes.clear()
    release.app.screen.lines.clear()
    return release


def again(release: Release, forge: FakeForge | None, **flags: object) -> Shipped:
    release.app.given["forge"] = forge
    return deploy_dev(release.app, **flags)  # type: ignore[arg-type]


def with_ledger(release: Release, *versions: str, action: str = "deploy") -> None:
    """The ledger has healthy deployments of these, an hour apart; web-1 runs the last."""
    release.app.signed_in = True
    for number, version in enumerate(versions):
        at = (release.app.clock.now() + timedelta(hours=number)).isoformat()
        id_ = f"20261120-1{number}0000-000000-abcdef"
        before = versions[number - 1] if number else ""
        release.app.ledger.append(Entry(id_, 1, "healthy", at, "hello", "dev", action, version, "ada", "here", before))
    release.app.hosts.machines[0].serving = versions[-1]


def test_nothing_is_planned_asked_or_pushed() -> None:
    release = out("never asked")
    forge = FakeForge(run("completed", "success"), notices=[HEALTHY])
    assert again(release, forge).outcome == "reported"
    assert release.app.prompt.asked == []
    assert release.repository.pushes == []
    assert release.unchanged


def test_an_old_runs_word_is_told_as_such_with_its_time() -> None:
    release = out()
    again(release, FakeForge(run("completed", "success"), notices=[HEALTHY]), yes=True)
    assert release.app.screen.lines[-2:] == [
        (
            "CI's run of 2026-11-20 11:00 UTC said: 0.1.1-dev is healthy on dev."
            " What dev runs now was not asked (no AWS credentials)."
        ),
        "To ship the commit again, under a new number: inv deploy-dev --version 0.1.2-dev --yes",
    ]


def test_what_serves_now_is_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    release = out()
    with_ledger(release, "0.1.0-dev", "0.1.1-dev")
    assert again(release, FakeForge(run("completed", "success"), notices=[HEALTHY]), yes=True).outcome == "healthy"
    assert release.app.screen.lines[-1] == (
        "0.1.1-dev is healthy on dev (recorded just now by ada). To take it back: inv rollback --to 0.1.0-dev"
    )


def test_a_version_that_was_rolled_back_from_is_not_called_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    release = out()
    with_ledger(release, "0.1.0-dev", "0.1.1-dev")
    at = (release.app.clock.now() + timedelta(hours=3)).isoformat()
    entry = Entry("20261120-150000-000000-abcdef", 1, "healthy", at, "hello", "dev", "rollback", "0.1.0-dev", "ada",
                  "here", "0.1.1-dev")  # fmt: skip
    release.app.ledger.append(entry)
    release.app.hosts.machines[0].serving = "0.1.0-dev"
    with pytest.raises(Refused) as caught:
        again(release, FakeForge(run("completed", "success"), notices=[HEALTHY]), yes=True)
    assert caught.value.what.startswith("0.1.1-dev does not serve dev: 0.1.0-dev does (rollback by ada, 2026-11-20")
    assert caught.value.remedy == (
        "To bring it back: inv deploy --version 0.1.1-dev --allow-bad"
        "\n       Or a new number: inv deploy-dev --version 0.1.2-dev --yes"
    )


def test_a_run_that_is_still_going_is_followed() -> None:
    release = out()
    forge = FakeForge(run("in_progress"), run("in_progress"), run("completed", "success"), notices=[HEALTHY])
    assert again(release, forge, yes=True).outcome == "healthy"


# -- a run that failed ------------------------------------------------------------------------------------------------


def failing(*reruns: Notice) -> FakeForge:
    """A run that failed; each further attempt ends with one of these."""
    forge = FakeForge(run("completed", "failure"), notices=[BROKEN, EVIDENCE])
    for notice in reruns:
        ended = run("completed", "failure" if notice.level == "failure" else "success")
        forge.reruns.append(([run("queued"), ended], [notice]))
    return forge


def test_without_a_terminal_the_old_error_is_told_with_its_time_and_both_ways_on() -> None:
    release = out()
    with pytest.raises(DeployFailed) as caught:
        again(release, failing())
    assert caught.value.what.startswith("The run of 2026-11-20 11:00 UTC: 0.1.1-dev failed on dev")
    assert caught.value.evidence == "KeyError: 'DATABASE_URL'"
    assert f"inv deploy-dev --version 0.1.1-dev --commit {release.repository.head[:12]} --rerun" in caught.value.remedy
    assert "inv deploy-dev --version 0.1.2-dev" in caught.value.remedy


@pytest.mark.parametrize("flags", [{"yes": True}, {"rerun": True}])
def test_with_yes_or_rerun_it_is_run_again_and_followed(flags: dict[str, bool]) -> None:
    release, forge = out(), failing(HEALTHY)
    assert again(release, forge, **flags).outcome == "healthy"
    assert forge.rerun_asked == ["7"]
    assert release.unchanged


def test_at_the_terminal_it_is_offered_to_be_run_again() -> None:
    release = out("rerun")
    assert again(release, failing(HEALTHY)).outcome == "healthy"
    assert release.app.prompt.asked == ["The run of 0.1.1-dev failed. What now?"]
    assert "KeyError: 'DATABASE_URL'" in release.app.screen.lines


def test_at_the_terminal_a_new_number_is_offered() -> None:
    release = out("anew", True)
    done = deploy_dev_with(release, failing(), follow=True)
    assert str(done.plan.version) == "0.1.2-dev"
    assert release.remote.tags["0.1.2-dev"].commit == release.repository.head


def deploy_dev_with(release: Release, forge: FakeForge, *, follow: bool) -> Shipped:
    """The first run failed; the one of the new number is healthy."""
    original = forge.find_run

    def find(commit: str, tag: str) -> Run | None:
        if tag == "0.1.2-dev":
            forge.states, forge.said = [run("completed", "success")], [HEALTHY]
        return original(commit, tag)

    forge.find_run = find  # type: ignore[method-assign]
    release.app.given["forge"] = forge
    return deploy_dev(release.app, follow=follow)


def test_left_as_it_is_the_error_stands() -> None:
    with pytest.raises(DeployFailed):
        again(out("leave"), failing())


def test_a_second_failure_is_told_as_new() -> None:
    with pytest.raises(DeployFailed) as caught:
        again(out(), failing(BROKEN), rerun=True)
    assert not caught.value.what.startswith("The run of")


def test_a_run_that_may_not_be_run_again_leads_to_a_new_number() -> None:
    with pytest.raises(ServiceFailed) as caught:
        again(out(), failing(), rerun=True)
    assert "could not be started again: GitHub answered 403 (too old to be run again)" in caught.value.what
    assert "inv deploy-dev --version 0.1.2-dev" in caught.value.remedy
    assert "is on origin" in caught.value.state


def test_a_tag_that_never_had_a_run_is_not_waited_for_again() -> None:
    release = out()
    release.app.clock.advance(3600)
    slept = len(release.app.clock.slept)
    with pytest.raises(ServiceFailed) as caught:
        again(release, FakeForge(), yes=True)
    assert len(release.app.clock.slept) == slept
    assert "new number: inv deploy-dev --version 0.1.2-dev" in caught.value.remedy


def test_rerun_of_what_was_never_pushed_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="was not pushed yet"):
        again(Release(), FakeForge(), rerun=True, yes=True)


def test_a_dry_run_says_that_there_is_nothing_to_push() -> None:
    release = out()
    assert again(release, SUCCEEDED, dry_run=True).outcome == "planned"
    assert release.app.screen.lines[-2:] == [
        "0.1.1-dev is on origin already: there is nothing to push.",
        "Nothing was changed.",
    ]
    assert SUCCEEDED.asked == []


def test_others_may_have_pushed_meanwhile() -> None:
    release = out()
    commit = release.repository.head[:12]
    release.remote.heads["dev"] = release.repository.commit("Hers", parent=release.repository.head)
    forge = FakeForge(run("completed", "success"), notices=[HEALTHY])
    assert again(release, forge, version="0.1.1-dev", commit=commit, yes=True).outcome == "reported"
