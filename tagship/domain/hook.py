"""Hooks: a team's own work in fixed places of a deployment, and what the ledger keeps of it. Pure.

    before_switch    before any unit is changed: migrations. If it fails, nothing is changed
    after_switch     once every unit runs the artifact, and before the deployment is healthy
    tests            after that; a pass is what a promotion asks for

The ledger has two entries of each that ran: that it began, and how it ended. So whoever resumes a deployment knows
which hooks had run, and of which nobody saw the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from tagship.domain.deployment import Deployment, Entry
from tagship.domain.infra import named
from tagship.domain.manifest import Manifest
from tagship.domain.text import visible

BEFORE, AFTER, TESTS = "before_switch", "after_switch", "tests"
PLACES = (BEFORE, AFTER, TESTS)
RUNNING, PASSED, FAILED, CUT = "running", "passed", "failed", "interrupted"
HEAD, TAIL = 2_000, 6_000  # characters that the ledger keeps of an output


@dataclass(frozen=True)
class HookOutcome:
    """How one attempt ended; `problem` is empty if it went well."""

    problem: str = ""
    output: str = ""


@dataclass(frozen=True)
class HookRun:
    """One hook of one deployment, as the ledger has it.

    `irreversible` are the versions whose migrations it brought and that can't be undone.
    """

    place: str
    work: str  # what it runs, in words
    state: str = RUNNING
    attempts: int = 0
    seconds: float = 0.0
    problem: str = ""
    output: str = ""
    irreversible: Sequence[str] = ()

    @property
    def label(self) -> str:
        return f"hook {self.place} ({self.work})"

    def ended(self, outcome: HookOutcome, attempts: int, seconds: float) -> HookRun:
        """Note how its last attempt ended."""
        state = FAILED if outcome.problem else PASSED
        return self._ended(state, outcome.problem, outcome.output, attempts, seconds)

    def cut(self, attempts: int, seconds: float) -> HookRun:
        """Note that it was interrupted: how far it came is not known."""
        return self._ended(CUT, "it was interrupted", "", attempts, seconds)

    def _ended(self, state: str, problem: str, output: str, attempts: int, seconds: float) -> HookRun:
        return replace(self, state=state, problem=problem, output=output, attempts=attempts, seconds=round(seconds, 3))

    @property
    def details(self) -> Mapping[str, Any]:
        """Return what an entry has of it, without empty values."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def read(cls, entry: Entry) -> Self | None:
        """Read an entry's hook; None without one of this form."""
        value = entry.details.get("hook")
        try:
            return cls(**value) if value else None
        except TypeError:
            return None

    @property
    def failure(self) -> str:
        """Say that it failed, and why."""
        return f"{self.label} failed: {self.problem}"


def runs_of(deployment: Deployment) -> dict[str, HookRun]:
    """Map each hook that a deployment ran to how it stands."""
    runs = (HookRun.read(entry) for entry in deployment.entries)
    return {run.place: run for run in runs if run}


def bounded(text: str) -> str:
    """Keep an output's beginning and end, with control characters spelled out."""
    shown = visible(text)
    if len(shown) <= HEAD + TAIL:
        return shown
    left_out = len(shown) - HEAD - TAIL
    return f"{shown[:HEAD]}\n... {left_out:,} characters left out ...\n{shown[-TAIL:]}"


def variables(manifest: Manifest, bucket: str, deployment_id: str, replaces: str) -> dict[str, str | None]:
    """List what a hook gets to know of the artifact: no secret.

    None takes out a variable that a machine happens to have.
    """
    return {
        **named(manifest, bucket),
        "VERSION": manifest.version,
        "DEPLOYMENT_ID": deployment_id,
        "REPLACES": replaces or None,
    }


def payload(text: str, given: Mapping[str, str | None]) -> str:
    """Fill `{version}`, `{image_digest}` and the like into an event's texts."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner) for inner in value]
        return _filled(value, given) if isinstance(value, str) else value

    return json.dumps(filled(json.loads(text)))


def _filled(text: str, given: Mapping[str, str | None]) -> str:
    for name, value in given.items():
        text = text.replace(f"{{{name.lower()}}}", value or "")
    return text


def crossed(history: Iterable[Deployment], target: str) -> tuple[str, ...]:
    """List versions whose migrations a way back to `target` leaves applied.

    Those that can't be undone, of deployments after the last one by which `target` served. A migration that failed, or
    whose end nobody saw, may have been applied.
    """
    versions: dict[str, None] = {}
    for deployment in history:
        if deployment.artifact_id == target and deployment.state in {"healthy", "partial"}:
            versions = {}
            continue
        run = runs_of(deployment).get(BEFORE)
        versions |= dict.fromkeys(run.irreversible if run else ())
    return tuple(version for version in versions if version != target)
