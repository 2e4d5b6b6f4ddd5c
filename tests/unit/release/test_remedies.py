"""Every remedy of a release, followed literally: once the cause is gone, two commands at most lead to an end."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest
from invoke.parser import Parser

from tagship.domain.deployment import Entry, new_id
from tagship.errors import ServiceFailed, TagshipError, UsageError
from tagship.ports.forge import Notice, Run
from tagship.tasks import ns
from tagship.verbs.deploy_dev import deploy_dev
from tagship.verbs.tag import tag
from tests.fakes.forge import FakeForge
from tests.unit.channel import Release

URL = "https://github.com/acme/hello/actions/runs/7"
STEPS = 2


class MendedForge(FakeForge):
    """CI after somebody mended it: every tag that is pushed from now on, and every rerun, ends well.

    What it knew before stays: a tag of before without a run has none now either.
    """

    def __init__(self, before: FakeForge) -> None:
        super().__init__(*before.states, notices=before.said)
        self.old = bool(before.states)

    def find_run(self, commit: str, tag: str) -> Run | None:
        if tag == "0.1.1-dev":
            return self.states[0] if self.old else None
        self._ends_well()
        return self.states[0]

    def run(self, run_id: str) -> Run:
        if self.states[0].state != "completed":  # what went on meanwhile has ended
            self._ends_well()
        return self.states[0]

    def rerun(self, run_id: str) -> None:
        attempt = self.states[0].attempt + 1
        self._ends_well()
        self.states = [replace(self.states[0], attempt=attempt)]

    def _ends_well(self) -> None:
        self.states = [Run("7", URL, "completed", "success")]
        self.said = [Notice("notice", "tagship exit 0", "it is healthy on dev")]


def run(state: str, conclusion: str = "") -> Run:
    return Run("7", URL, state, conclusion)


def no_run(_: Release) -> FakeForge:
    return FakeForge()


def failed_deployment(_: Release) -> FakeForge:
    return FakeForge(run("completed", "failure"), notices=[Notice("failure", "tagship exit 6", "it failed; 1 serves")])


def refused_step(_: Release) -> FakeForge:
    refusal = Notice("failure", "tagship exit 3", "it is refused; Nothing was changed")
    return FakeForge(run("completed", "failure"), notices=[refusal])


def failed_without_a_word(_: Release) -> FakeForge:
    return FakeForge(run("completed", "failure"))


def succeeded_without_a_word(_: Release) -> FakeForge:
    return FakeForge(run("completed", "success"))


def never_ends(_: Release) -> FakeForge:
    return FakeForge(run("in_progress"))


def silent(_: Release) -> FakeForge:
    forge = FakeForge(run("in_progress"))
    forge.fails = 99
    return forge


def interrupted(_: Release) -> FakeForge:
    forge = FakeForge(run("in_progress"))

    def interrupt() -> None:
        raise KeyboardInterrupt

    forge.during = interrupt
    return forge


def cut_off(release: Release) -> FakeForge:
    def hang_up() -> None:
        release.repository.during_push = lambda: None
        raise ServiceFailed("The remote hung up.", remedy="Wait.")

    release.repository.during_push = hang_up
    return FakeForge()


def cut_off_after_it_landed(release: Release) -> FakeForge:
    def hang_up() -> None:
        release.repository.after_push = lambda: None
        raise ServiceFailed("The remote hung up.", remedy="Wait.")

    release.repository.after_push = hang_up
    return FakeForge(run("in_progress"))


def refused_by_the_remote(release: Release) -> FakeForge:
    release.remote.refuses["refs/tags/0.1.1-dev"] = "hook declined"
    return FakeForge()


FAILURES = [
    no_run,
    failed_deployment,
    refused_step,
    failed_without_a_word,
    succeeded_without_a_word,
    never_ends,
    silent,
    interrupted,
    cut_off,
    cut_off_after_it_landed,
    refused_by_the_remote,
]


def commands(remedy: str) -> list[list[str]]:
    """Every `inv …` that a remedy prints, as words."""
    return [
        shlex.split(found) for found in re.findall(r"\binv ((?:deploy-dev|tag)\b[^\n`]*?)(?=   |\.\s|\n|$)", remedy)
    ]


def typed(release: Release, words: list[str]) -> str:
    """Run a printed command as Invoke reads it; its outcome."""
    (parsed,) = Parser(ns.to_contexts()).parse_argv(words)
    flags = {name.replace("-", "_"): argument.value for name, argument in parsed.args.items()}
    for name in ("json", "undo"):
        flags.pop(name, None)
    if words[0] == "tag":
        return tag(release.app, **{**flags, "yes": True}).outcome
    return deploy_dev(release.app, **{**flags, "yes": True}).outcome


def leads_out(release: Release, words: list[str], left: int = STEPS) -> bool:
    """Whether a command, or one that its own error prints, comes to an end."""
    try:
        return typed(release, words) in {"healthy", "reported", "tagged"}
    except UsageError:
        raise  # a remedy that cannot be typed
    except TagshipError as problem:
        ways = commands(problem.remedy)
        assert words not in ways, f"the remedy of {words} is itself"
        return left > 1 and any(leads_out(release, way, left - 1) for way in ways)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: str(failure.__name__))
def test_every_printed_remedy_leads_out(failure: Callable[[Release], FakeForge]) -> None:
    ways = commands(_failing(failure)[1].remedy)
    assert ways
    for way in ways:
        release, problem = _failing(failure)  # each way from the same place
        release.remote.refuses.clear()
        release.app.given["forge"] = MendedForge(release.app.given["forge"])
        assert leads_out(release, way), f"{' '.join(way)} does not lead out of: {problem.what}"


def _failing(failure: Callable[[Release], FakeForge]) -> tuple[Release, TagshipError]:
    release = Release(ci={"timeout": 60, "appears_within": 5})
    release.app.given["forge"] = failure(release)
    with pytest.raises(TagshipError) as caught:
        deploy_dev(release.app, yes=True)
    return release, caught.value


def of_a_first_release(forge: FakeForge) -> tuple[str, str]:
    """The commit that was named, not the one that is checked out, and what is to be done after its release failed."""
    release = Release(released=(), ci={"timeout": 60, "appears_within": 5})
    release.repository.commit("More")
    release.app.given["forge"] = forge
    commit = release.repository.parents[release.repository.head][:12]
    with pytest.raises(TagshipError) as caught:
        deploy_dev(release.app, yes=True, first=True, commit=commit)
    return commit, caught.value.remedy


def test_a_commit_that_mends_it_is_shipped_without_the_old_commit_and_not_as_the_first() -> None:
    _, remedy = of_a_first_release(FakeForge(run("completed", "failure")))
    assert "If a commit mends it, ship that: inv deploy-dev --version 0.1.1-dev --yes\n" in remedy


def test_the_ledgers_remedy_names_neither_too() -> None:
    release = Release(released=())
    release.repository.commit("More")
    release.app.signed_in = True
    commit = release.repository.parents[release.repository.head][:12]
    release.repository.after_push = lambda: failed_in_the_ledger(release)
    with pytest.raises(TagshipError) as caught:
        deploy_dev(release.app, yes=True, first=True, commit=commit)
    assert "If a commit mends it, ship that: inv deploy-dev --version 0.1.1-dev" in caught.value.remedy.splitlines()[-1]
    assert commit not in caught.value.remedy


def failed_in_the_ledger(release: Release) -> None:
    at = release.app.clock.now().isoformat(timespec="seconds")
    id_ = new_id(release.app.clock.now())
    for number, state in enumerate(("requested", "failed", "rolled-back"), 1):
        release.app.ledger.entries.append(
            Entry(id_, number, state, at, "hello", "dev", "deploy", "0.1.0-dev", "run 7 (ada)", "", reason="it is 503")
        )


def test_the_same_commit_under_a_new_number_is_not_the_first_any_more() -> None:
    commit, remedy = of_a_first_release(FakeForge())
    assert remedy.endswith(f"so then take a new number: inv deploy-dev --version 0.1.1-dev --commit {commit} --yes")
