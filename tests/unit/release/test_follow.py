"""Following a push to its end: the run, the ledger, or neither."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tagship.domain.deployment import Entry
from tagship.errors import (
    ArtifactError,
    DeployFailed,
    Held,
    Incomplete,
    Interrupted,
    Refused,
    RollbackFailed,
    ServiceFailed,
    TagshipError,
    UsageError,
)
from tagship.ports.forge import Notice, Run, Step
from tagship.release.run import _show_steps
from tagship.verbs.deploy_dev import Shipped, deploy_dev
from tagship.verbs.mark_bad import mark_bad
from tests.fakes.forge import FakeForge
from tests.fakes.target import machine
from tests.unit.channel import Release

URL = "https://github.com/acme/hello/actions/runs/7"
HEALTHY = Notice("notice", "tagship exit 0", "0.1.1-dev is healthy on dev")


def run(state: str, conclusion: str = "", **steps: str) -> Run:
    """A run with its steps: name=conclusion, or name="" for one that is under way."""
    told = [Step(name, "completed" if end else "in_progress", end) for name, end in steps.items()]
    return Run("7", URL, state, conclusion, told)


GOOD = (
    run("queued"),
    run("in_progress", build=""),
    run("in_progress", build="success", deploy=""),
    run("completed", "success"),
)


def follow(release: Release, forge: FakeForge | None = None) -> Shipped:
    release.app.given["forge"] = forge
    return deploy_dev(release.app, yes=True)


def failed(release: Release, kind: type[TagshipError], forge: FakeForge | None = None) -> TagshipError:
    with pytest.raises(kind) as told:
        follow(release, forge)
    assert type(told.value) is kind
    assert "0.1.1-dev" in release.remote.tags, "what was pushed stays pushed"
    return told.value


# -- the run ----------------------------------------------------------------------------------------------------------


def test_the_run_of_that_commit_and_tag_is_followed_to_a_healthy_end() -> None:
    release, forge = Release(), FakeForge(*GOOD, notices=[HEALTHY], appears_after=3)
    done = follow(release, forge)
    assert (done.outcome, done.run) == ("healthy", URL)
    assert forge.asked[0] == (release.repository.head, "0.1.1-dev")
    assert release.app.screen.phases == ["waiting for CI to begin", "build", "deploy"]
    assert release.app.screen.lines[-2].startswith("0.1.1-dev is healthy on dev, says CI's run (")
    assert release.app.screen.lines[-2].endswith("Not asked here: the ledger (no AWS credentials).")


def test_steps_that_were_skipped_are_not_shown() -> None:
    release = Release()
    follow(
        release,
        FakeForge(run("queued"), run("completed", "success", build="skipped", deploy="success"), notices=[HEALTHY]),
    )
    assert release.app.screen.phases == ["waiting for CI to begin", "deploy"]


def test_an_actions_pin_is_not_shown() -> None:
    release = Release()
    steps = {f"Run acme/scan@{'3d' * 20}": "success"}
    follow(release, FakeForge(run("queued"), run("completed", "success", **steps), notices=[HEALTHY]))
    assert release.app.screen.phases[-1] == "run acme/scan"


def test_what_prepares_a_job_counts_as_the_step_that_it_prepares() -> None:
    release = Release()

    def steps(*states: str) -> Run:
        names = ("ship: Check out", "ship: Set up tagship", "ship: Build", "ship: Publish")
        listed = [
            Step(name, state, "success" if state == "completed" else "", 0.0)
            for name, state in zip(names, states, strict=True)
        ]
        return Run("7", URL, "in_progress", "", listed)

    done, runs, queued = "completed", "in_progress", "queued"
    looks = (steps(runs, queued, queued, queued), steps(done, runs, queued, queued), steps(done, done, done, runs))
    follow(release, FakeForge(*looks, run("completed", "success"), notices=[HEALTHY]))
    assert release.app.screen.phases == ["waiting for CI to begin", "build", "publish"]


@pytest.mark.parametrize(("took", "shown"), [(None, 1.0), (0.0, 1.0), (41.0, 41.0)])
def test_a_step_counts_for_a_second_at_least_so_that_every_run_shows_the_same(took: float | None, shown: float) -> None:
    told: list[tuple[str, float | None]] = []

    def show(phase: str, /, took: float | None = None) -> None:
        told.append((phase, took))

    _show_steps([Step("ship: Build", "completed", "success", took)], set(), show)
    assert told == [("build", shown)]


def test_no_run_in_time_is_an_error_that_names_the_likely_causes() -> None:
    release = Release(ci={"appears_within": 20})
    problem = failed(release, ServiceFailed, FakeForge())
    assert problem.what == "No run began for 0.1.1-dev within 20 s."
    assert problem.state == "0.1.1-dev is on origin; as far as CI says, nothing deploys it."
    assert problem.remedy.endswith("new number: inv deploy-dev --version 0.1.2-dev --yes")
    for cause in ("GITHUB_TOKEN", "more than three tags", "trigger that matches", "Actions are disabled"):
        assert cause in problem.evidence
    assert "https://github.com/acme/hello/actions" in problem.remedy
    assert 20 <= sum(release.app.clock.slept) < 25


ENDS: list[tuple[int, type[TagshipError]]] = [
    (2, UsageError),
    (3, Refused),
    (4, Held),
    (5, ArtifactError),
    (6, DeployFailed),
    (7, RollbackFailed),
    (8, ServiceFailed),
    (9, Incomplete),
    (130, Interrupted),
    (1, ServiceFailed),
]


_KIND = dict(ENDS)


@pytest.mark.parametrize(("code", "kind"), ENDS)
def test_a_failed_deployment_ends_the_command_with_its_exit_code(code: int, kind: type[TagshipError]) -> None:
    said = "0.1.1-dev failed on dev (it answered 500); 0.1.0-dev is serving"
    notices = [
        Notice("failure", f"tagship exit {code}", said),
        Notice("failure", "", "Process completed with exit code 2."),
    ]
    problem = failed(Release(), kind, FakeForge(run("completed", "failure"), notices=notices))
    assert problem.what == "0.1.1-dev failed on dev (it answered 500)."
    assert problem.state == "0.1.0-dev is serving."
    assert URL in problem.remedy


def test_a_failure_said_before_a_later_success_counts() -> None:
    notices = [Notice("failure", "tagship exit 6", "0.1.1-dev failed on dev"), HEALTHY]
    assert failed(Release(), DeployFailed, FakeForge(run("completed", "success"), notices=notices))


def test_a_run_that_succeeded_without_a_word_is_not_called_healthy() -> None:
    problem = failed(Release(), ServiceFailed, FakeForge(run("completed", "success")))
    assert "none of its steps reported 0.1.1-dev as healthy" in problem.what
    assert "inv deploy-dev --version 0.1.2-dev" in problem.remedy


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out"])
def test_a_run_that_failed_before_it_deployed_names_the_step(conclusion: str) -> None:
    ended = run("completed", conclusion, checkout="success", build=conclusion)
    problem = failed(Release(), ServiceFailed, FakeForge(ended))
    assert f"ended as {conclusion} at “build”" in problem.what
    assert "unknown" in problem.state
    assert problem.remedy.startswith("See what it left, with AWS credentials: inv status --env dev\n")
    assert URL in problem.remedy
    assert "inv deploy-dev --version 0.1.2-dev" in problem.remedy


def test_a_step_that_refused_before_anything_was_deployed_says_why() -> None:
    notices = [Notice("failure", "tagship exit 3", "0.1.1-dev is a lightweight tag; Nothing was changed")]
    problem = failed(Release(), Refused, FakeForge(run("completed", "failure"), notices=notices))
    assert problem.what == "0.1.1-dev is a lightweight tag."
    assert problem.state == "0.1.1-dev is tagged and pushed, and nothing was deployed."


def test_a_few_unanswered_questions_do_not_end_the_following() -> None:
    forge = FakeForge(*GOOD, notices=[HEALTHY])
    forge.fails = 4
    assert follow(Release(), forge).outcome == "healthy"


def test_a_forge_that_stays_silent_is_told_while_the_deployment_goes_on() -> None:
    forge = FakeForge(*GOOD)
    forge.answers, forge.fails = 2, 99
    problem = failed(Release(), ServiceFailed, forge)
    assert problem.what == "GitHub answered 502."
    assert "goes on" in problem.state
    assert URL in problem.remedy


def test_a_sandbox_that_died_meanwhile_is_said_to_be_down() -> None:
    forge = FakeForge(*GOOD)
    forge.fails, forge.silence = 99, ServiceFailed("The sandbox is down.", remedy="Start it again: inv sandbox up")
    problem = failed(Release(sandbox=True), ServiceFailed, forge)
    assert problem.what == "The sandbox is down."
    assert problem.state == "0.1.1-dev is pushed; its deployment stopped with the sandbox."
    assert problem.remedy.startswith("Start it again: inv sandbox up\n       Then: inv deploy-dev --version 0.1.1-dev ")


def test_a_run_that_never_ends_is_given_up_in_time() -> None:
    release = Release(ci={"timeout": 300})
    problem = failed(release, ServiceFailed, FakeForge(run("in_progress")))
    assert problem.what == "The run did not end within 300 s."
    assert "goes on, or hangs" in problem.state


def test_ctrl_c_while_following_leaves_the_deployment_alone() -> None:
    release, forge = Release(), FakeForge(run("in_progress"))

    def interrupt() -> None:
        raise KeyboardInterrupt

    forge.during = interrupt
    problem = failed(release, Interrupted, forge)
    assert problem.exit_code == 130
    assert "0.1.1-dev is on origin, and its deployment goes on" in problem.state
    assert (
        problem.remedy
        == f"Look again: inv deploy-dev --version 0.1.1-dev --commit {release.repository.head[:12]} --yes"
    )


def test_polling_slows_down_and_notices_the_end_soon() -> None:
    release = Release()
    follow(release, FakeForge(*[run("in_progress")] * 40, run("completed", "success"), notices=[HEALTHY]))
    slept = release.app.clock.slept
    assert slept[0] == pytest.approx(0.3)
    assert max(slept) <= 10
    assert slept == sorted(slept)


# -- the ledger -------------------------------------------------------------------------------------------------------


def with_credentials() -> Release:
    """A release that can ask AWS; web-1 runs 0.1.1-dev as soon as anybody asks."""
    release = Release()
    release.app.signed_in = True
    release.app.hosts.machines[0].serving = "0.1.1-dev"
    return release


def in_ci(release: Release, *states: str, after: float = 0, reason: str = "", evidence: str = "") -> None:
    """Once it is pushed, CI deploys 0.1.1-dev: the ledger has these states, a second apart."""

    def deploys() -> None:
        began = release.app.clock.now() + timedelta(seconds=after)
        for number, state in enumerate(states):
            at = (began + timedelta(seconds=number)).isoformat()
            details = {"evidence": evidence} if evidence and state == "failed" else {}
            entry = Entry("20261120-120000-000000-abcdef", number, state, at, "hello", "dev", "deploy", "0.1.1-dev",
                          "ci", "run", "0.1.0-dev", reason=reason, details=details)  # fmt: skip
            release.app.ledger.append(entry)

    release.repository.after_push = deploys


def test_without_a_token_the_ledger_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    release = with_credentials()
    in_ci(release, "requested", "started", "healthy")
    assert follow(release).outcome == "healthy"
    last = release.app.screen.lines[-1]
    assert last == "0.1.1-dev is healthy on dev (0 s). To take it back: inv rollback --to 0.1.0-dev"


def test_a_deployment_of_long_before_the_push_is_not_taken_for_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    release = with_credentials()
    in_ci(release, "requested", "started", "healthy", after=-3600)
    problem = failed(release, ServiceFailed)
    assert "no end of 0.1.1-dev within 3600 s" in problem.what
    assert "inv deploy-dev --version 0.1.2-dev" in problem.remedy


@pytest.mark.parametrize(
    ("states", "kind", "serving"),
    [
        (("requested", "started", "failed", "rolled-back"), DeployFailed, "0.1.0-dev is serving."),
        (("requested", "started", "failed"), RollbackFailed, "See what serves: inv status --env dev"),
        (
            ("requested", "started", "failed", "rollback-failed"),
            RollbackFailed,
            "See what serves: inv status --env dev",
        ),
    ],
)
def test_the_ledgers_word_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, states: tuple[str, ...], kind: type[TagshipError], serving: str
) -> None:
    release = with_credentials()
    in_ci(release, *states, reason="it answered 500", evidence="\n".join(f"line {number}" for number in range(100)))
    problem = failed(release, kind)
    assert problem.what == "0.1.1-dev failed on dev: it answered 500."
    assert problem.state == serving
    lines = problem.evidence.splitlines()
    assert (len(lines), lines[-1]) == (20, "line 99")
    assert lines[0] == "(81 earlier lines: inv history --env dev --version 0.1.1-dev)"
    assert "inv deploy --version 0.1.1-dev" in problem.remedy


def test_an_abandoned_deployment_is_not_said_to_have_ended_well_or_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    release = with_credentials()
    in_ci(release, "requested", "started", "abandoned", reason="its runner died")
    assert "its runner died" in failed(release, ServiceFailed).what


def test_ctrl_c_while_following_the_ledger_leaves_the_deployment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    release = with_credentials()

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    release.app.clock.during = interrupt
    assert "goes on" in failed(release, Interrupted).state


# -- the last word ----------------------------------------------------------------------------------------------------


def test_a_healthy_run_is_checked_against_ledger_and_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    release = with_credentials()
    in_ci(release, "requested", "started", "healthy")
    assert follow(release, FakeForge(*GOOD, notices=[HEALTHY])).outcome == "healthy"
    assert release.app.screen.lines[-1].startswith("0.1.1-dev is healthy on dev (")
    assert release.app.screen.lines[-1].endswith("To take it back: inv rollback --to 0.1.0-dev")


def test_the_way_back_is_never_to_a_version_that_is_marked_bad() -> None:
    release = with_credentials()
    for version in ("0.1.0-dev", "0.0.9-dev"):  # each long before all that is there
        release.app.ledger.ran(version)
    mark_bad(release.app, version="0.1.0-dev", reason="it sends every mail twice")
    in_ci(release, "requested", "started", "healthy", after=60)
    follow(release, FakeForge(*GOOD, notices=[HEALTHY]))
    assert release.app.screen.lines[-1].endswith("To take it back: inv rollback --to 0.0.9-dev")


def test_a_version_that_was_overtaken_while_it_was_followed_is_not_called_healthy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = with_credentials()
    release.app.ledger.ran("0.1.0-dev")
    problem = failed(release, Held, FakeForge(*GOOD, notices=[HEALTHY]))
    assert problem.what.startswith("0.1.1-dev does not serve dev: 0.1.0-dev does (deploy by ada, 2026-10-01")
    assert "inv deploy --version 0.1.1-dev" in problem.remedy


def test_a_host_that_says_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    release = with_credentials()
    release.app.hosts.machines[0].serving = "0.1.0-dev"
    in_ci(release, "requested", "started", "healthy")
    problem = failed(release, DeployFailed, FakeForge(*GOOD, notices=[HEALTHY]))
    assert problem.what == "By the ledger 0.1.1-dev serves dev; web-1 does not run it."
    assert problem.state == "0.1.0-dev runs on web-1."


def test_a_host_of_two_that_says_something_else_is_to_be_healed() -> None:
    release = with_credentials()
    release.app.hosts.machines.append(machine("web-2", "0.1.0-dev"))
    in_ci(release, "requested", "started", "healthy")
    problem = failed(release, Incomplete, FakeForge(*GOOD, notices=[HEALTHY]))
    assert problem.remedy == "Bring it to 0.1.1-dev: inv heal --env dev"


def test_a_version_that_died_after_it_was_healthy_wakes_somebody_and_the_way_back_comes_first() -> None:
    release = with_credentials()
    release.app.publish("0.1.0-dev")
    release.app.ledger.ran("0.1.0-dev")
    release.app.hosts.machines[0].observed_as = "failed"
    in_ci(release, "requested", "started", "healthy")
    problem = failed(release, RollbackFailed, FakeForge(*GOOD, notices=[HEALTHY]))
    assert problem.remedy.splitlines()[0] == "Go back: inv rollback --to 0.1.0-dev --env dev"


def test_what_the_failed_step_says_to_do_comes_first_unless_what_served_before_does() -> None:
    def remedy(code: int, *others: Notice) -> str:
        notices = [Notice("failure", f"tagship exit {code}", "it failed; nothing is serving"), *others]
        forge = FakeForge(run("completed", "failure"), notices=notices)
        return failed(Release(), _KIND[code], forge).remedy.splitlines()[0]

    own = Notice("failure", "tagship next", "Go back: inv rollback --to 0.1.0-dev --env dev")
    assert remedy(7, own) == remedy(3, own) == own.message
    assert remedy(7) == "Go back, with AWS credentials: inv rollback --env dev"
    assert remedy(6, own).startswith("If the cause is outside the commit")


def test_what_the_failed_step_says_to_do_is_no_evidence() -> None:
    notices = [Notice("failure", "tagship exit 3", "it is refused; why"), Notice("failure", "tagship next", "Mend it")]
    assert failed(Release(), Refused, FakeForge(run("completed", "failure"), notices=notices)).evidence == ""


# -- evidence ---------------------------------------------------------------------------------------------------------


def test_what_the_failing_step_captured_is_shown_its_last_lines_and_where_the_rest_is() -> None:
    captured = "\n".join(f"line {number}" for number in range(30))
    notices = [
        Notice("failure", "tagship exit 6", "0.1.1-dev failed on dev (it answered 500); 0.1.0-dev is serving"),
        Notice("failure", "tagship evidence", captured),
    ]
    problem = failed(Release(), DeployFailed, FakeForge(run("completed", "failure"), notices=notices))
    lines = problem.evidence.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (20, f"(11 earlier lines: {URL})", "line 29")


def test_where_no_step_of_ours_spoke_cis_own_words_are_shown() -> None:
    notices = [Notice("failure", "", "Process completed with exit code 2."), Notice("warning", "", "node 16 is old")]
    problem = failed(Release(), ServiceFailed, FakeForge(run("completed", "failure"), notices=notices))
    assert problem.evidence == "Process completed with exit code 2."


# -- every error after the push ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", range(5))
def test_a_forge_that_falls_silent_at_any_question_leaves_a_true_word_and_a_way_on(answers: int) -> None:
    release, forge = Release(), FakeForge(*GOOD, notices=[HEALTHY])
    forge.answers, forge.fails = answers, 99
    problem = failed(release, ServiceFailed, forge)
    assert problem.state == "0.1.1-dev is pushed, and CI goes on with it; its state is unknown here."
    assert "inv deploy-dev --version 0.1.1-dev --commit" in problem.remedy


class Broken:
    """A forge that cannot even be connected to."""

    def __getattr__(self, name: str) -> object:
        raise ServiceFailed("GitHub does not accept the token.", remedy="Get a new one: gh auth login")


def test_an_error_of_any_other_kind_after_the_push_says_that_it_is_out() -> None:
    problem = failed(Release(), ServiceFailed, Broken())  # type: ignore[arg-type]
    assert problem.state.startswith("0.1.1-dev is ")


# -- neither ----------------------------------------------------------------------------------------------------------


def test_with_neither_token_nor_credentials_it_ends_after_the_push_and_says_where_to_look() -> None:
    release = Release()
    done = follow(release)
    assert (done.outcome, done.run) == ("pushed", "")
    assert "no GitHub token and there are no AWS credentials" in release.app.screen.text
    assert "https://github.com/acme/hello/actions" in release.app.screen.text
