"""How an ended run of CI ended, in the words of the steps that ran in it (domain/annotation)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain import annotation, commands
from tagship.domain.news import Stage
from tagship.domain.text import either, excerpt, moment
from tagship.errors import (
    UNCHANGED,
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
from tagship.release.remedies import Remedies

EVIDENCE = 20  # lines that are shown of it
BAD = frozenset({"failure", "cancelled", "timed_out"})
_KINDS = (
    UsageError,
    Refused,
    Held,
    ArtifactError,
    DeployFailed,
    RollbackFailed,
    Incomplete,
    ServiceFailed,
    Interrupted,
)
_ERRORS: dict[int, type[TagshipError]] = {kind.exit_code: kind for kind in _KINDS}


@dataclass(frozen=True)
class RunEnding:
    """How a run ended.

    `said` is the deployment's own sentence that it is healthy; otherwise `problem` is what went wrong.
    """

    said: str = ""
    problem: TagshipError | None = None


def stages(steps: Sequence[Step]) -> list[Stage]:
    """Read how each job of a run ended."""
    # One that was skipped, or goes on, is none.
    jobs: dict[str, list[Step]] = {}
    for step in steps:
        jobs.setdefault(step.name.partition(": ")[0], []).append(step)
    ended = {name: own for name, own in jobs.items() if all(step.state == "completed" for step in own)}
    return [Stage(name, conclusion) for name, own in ended.items() if (conclusion := _worst(own))]


def _worst(steps: Sequence[Step]) -> str:
    conclusions = {step.conclusion for step in steps}
    if conclusions & {"failure", "timed_out"}:
        return "failure"
    return next((word for word in ("cancelled", "success") if word in conclusions), "")


def ending_of(remedies: Remedies, run: Run, notices: Sequence[Notice], *, old: bool = False) -> RunEnding:
    """Read how a run ended from what its steps reported."""
    # `old`: it had ended before this command looked, so the error says when.
    coded = [(code, notice.message) for notice in notices if (code := annotation.exit_code(notice.title)) is not None]
    failures = [(code, message) for code, message in coded if code]
    when = f"The run of {moment(run.updated)} UTC: " if old and run.updated else ""
    if failures:
        failure = failures[annotation.worst([code for code, _ in failures])]
        return RunEnding(problem=_failed(remedies, run, notices, failure, when))
    if run.conclusion != "success":
        return RunEnding(problem=_unspoken(remedies, run, notices, when))
    if not coded:
        return RunEnding(problem=_silent(remedies, run))
    return RunEnding(said=coded[-1][1])


def _failed(
    remedies: Remedies, run: Run, notices: Sequence[Notice], failure: tuple[int, str], when: str
) -> TagshipError:
    """Make the error of the exit code that a step ended with."""
    code, message = failure
    version = remedies.plan.version
    problem, _, state = message.rpartition("; ")
    if f"{state}." == UNCHANGED:  # so the step says, but the tag is pushed
        state = f"{version} is tagged and pushed, and nothing was deployed"
    kind = _ERRORS.get(code, ServiceFailed)
    return kind(
        f"{when}{problem or message}.",
        state=f"{state if problem else f'{version} is tagged and pushed; see the run'}.",
        remedy=either(_own(remedies, notices, failure), on_from(remedies, run)),
        evidence=evidence(run, notices),
    )


def _own(remedies: Remedies, notices: Sequence[Notice], failure: tuple[int, str]) -> str:
    """Return what the failed step itself says to do next.

    Empty if what served before does: then `on_from` says enough.
    """
    code, advice = failure[0], _advice(notices, failure)
    if code == DeployFailed.exit_code:
        return ""
    if code == RollbackFailed.exit_code and not advice:
        return f"Go back, with AWS credentials: {commands.rollback(environment=remedies.plan.environment)}"
    return advice


def _advice(notices: Sequence[Notice], failure: tuple[int, str]) -> str:
    """Return what the failed step said to do, or else another step."""
    advice, other = "", next((notice.message for notice in notices if notice.title == annotation.NEXT), "")
    for notice in notices:
        code = annotation.exit_code(notice.title)
        if (code, notice.message) == failure:
            break
        advice = notice.message if notice.title == annotation.NEXT else "" if code is not None else advice
    return advice or other


def _unspoken(remedies: Remedies, run: Run, notices: Sequence[Notice], when: str) -> TagshipError:
    """Make the error of a run that ended before its deployment spoke."""
    failing = next((step.name for step in run.steps if step.conclusion in BAD), "")
    where = f" at “{failing}”" if failing else ""
    return ServiceFailed(
        f"{when}The run ended as {run.conclusion or 'nothing known'}{where}, before a deployment reported its outcome.",
        state=f"{remedies.plan.version} is tagged and pushed; whether it serves is unknown.",
        remedy=either(
            f"See what it left, with AWS credentials: {commands.status(remedies.plan.environment)}",
            on_from(remedies, run),
        ),
        evidence=evidence(run, notices),
    )


def _silent(remedies: Remedies, run: Run) -> TagshipError:
    return ServiceFailed(
        f"The run succeeded, but none of its steps reported {remedies.plan.version} as healthy.",
        state="What serves is unknown here.",
        remedy=f"See what the run did: {run.url}; one of its steps should be deploy. Then: {remedies.anew}",
    )


def reason_of(run: Run, notices: Sequence[Notice]) -> str:
    """Say why a run that has not deployed failed."""
    # In a step's own words, or else by the step's name.
    coded = [(code, notice.message) for notice in notices if (code := annotation.exit_code(notice.title))]
    if coded:
        worst = coded[annotation.worst([code for code, _ in coded])]
        problem, _, state = worst[1].rpartition("; ")
        return f"{problem or state}."
    failing = next((step.name for step in run.steps if step.conclusion in BAD), "")
    return f"It failed at “{failing}”." if failing else "None of its steps has failed so far."


def on_from(remedies: Remedies, run: Run) -> str:
    """Say the ways on from a failed run: rerun, or new number."""
    return either(
        f"If the cause is outside the commit, run it again: {remedies.rerun}",
        f"If a commit mends it, ship that: {remedies.mended}",
        f"The run: {run.url}",
    )


def evidence(run: Run, notices: Sequence[Notice]) -> str:
    """Return what the failing step captured, or what CI says."""
    # The rest is in the run.
    captured = [notice.message for notice in notices if notice.title == annotation.EVIDENCE]
    reported = [
        f"{notice.title}: {notice.message}" if notice.title else notice.message
        for notice in notices
        if notice.level == "failure" and annotation.exit_code(notice.title) is None and notice.title != annotation.NEXT
    ]
    return excerpt("\n".join(captured or reported), EVIDENCE, run.url)
