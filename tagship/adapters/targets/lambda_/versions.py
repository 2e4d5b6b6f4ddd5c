"""Makes the version of a function that an artifact is, by the sequence that Lambda's states ask for.

Wait until no update is in progress; update, guarded by RevisionId; wait again, because invocations run the old code
until then, and RevisionId changes once more; publish, guarded by that and by the code's SHA-256; see that the version
is ours, because Lambda publishes nothing if nothing has changed; wait until it is active, with SnapStart until Lambda
has taken its snapshot. A function in which nothing has changed but the artifact's name keeps its version
(https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from tagship.adapters.targets.lambda_.artifact import Artifact
from tagship.adapters.targets.lambda_.calls import Calls, Raced, UnfitFunction
from tagship.adapters.targets.lambda_.code import Code, code_of
from tagship.adapters.targets.lambda_.described import Configuration, nameless
from tagship.settings.lambda_ import Function

ROUNDS = 5  # how often a lost race is run again
FIRST_LOOK, LAST_LOOK, GROWTH = 0.1, 1.0, 1.5  # seconds between looks at an update
WAITS = frozenset({"Pending"})
T = TypeVar("T")
Ours = Callable[[Configuration], None]
RUNS = frozenset({"Active", "Inactive", ""})  # an invocation wakes what is inactive; an unknown state isn't healthy


@dataclass(frozen=True)
class Settling:
    """Waits for Lambda, `timeout` seconds at most; `now` is the time.

    `wait` waits some seconds, and raises if the change is given up: so it is asked before each step.
    """

    timeout: int
    wait: Callable[[float], None]
    now: Callable[[], datetime]

    def updated(self, calls: Calls) -> Configuration:
        """Wait until an update has ended well. Raises UnfitFunction."""
        now = self.settled(calls)
        if now.failed:
            raise UnfitFunction(f"Lambda could not update it ({now.failed})")
        return now

    def settled(self, calls: Calls) -> Configuration:
        """Wait until no update is in progress. Raises UnfitFunction."""
        # While it is Pending, other operations on it fail.
        return self._once_it(
            calls.configuration, lambda now: not now.updating and now.state not in WAITS, "its update did not end"
        )

    def why_unprovisioned(self, calls: Calls) -> str:
        """Wait for the alias's provisioned concurrency; say why it failed."""
        # Moving an alias begins it anew: until then callers may meet cold starts.
        now = self._once_it(
            calls.provisioned,
            lambda now: now is None or now.status != "IN_PROGRESS",
            "its provisioned concurrency was not ready",
        )
        return f"its provisioned concurrency failed ({now.reason})" if now and now.failed else ""

    def _once_it(self, look: Callable[[], T], over: Callable[[T], bool], problem: str) -> T:
        until, pause = self.now() + timedelta(seconds=self.timeout), FIRST_LOOK
        while not over(now := look()):
            if self.now() > until:
                raise UnfitFunction(f"{problem} within {self.timeout} s")
            self.wait(pause)
            pause = min(pause * GROWTH, LAST_LOOK)
        return now


@dataclass(frozen=True)
class Maker(Settling):
    """Makes the versions of one artifact."""

    artifact: Artifact = field(kw_only=True)
    bucket: str = field(kw_only=True)

    def made(self, calls: Calls, function: Function) -> str:
        """Return the number of the artifact's version, active. Raises UnfitFunction."""
        number = calls.version_of(self.artifact.label)
        if not number:
            number = self._published(calls, function)
        self._until_active(calls, number)
        return number

    def same(self, calls: Calls, function: Function, number: str) -> bool:
        """Tell whether publishing would make such a version again.

        That is so if a version of tagship's has the code, the variables and all settings of $LATEST, except for what
        names an artifact.
        """
        now = calls.configuration(number)
        return self._is_as_made(calls, function, now) and calls.configuration().settings == now.settings

    def kept_before(self, calls: Calls, function: Function) -> str:
        """Find the newest version that has what the artifact would publish.

        A version that was kept has another artifact's label. Empty if there is none.
        """
        sha256 = code_of(self.artifact, self.bucket, function).sha256
        alike = (version.version for version in calls.published() if version.code_sha256 == sha256)
        return next((number for number in alike if self._is_as_made(calls, function, calls.configuration(number))), "")

    def _is_as_made(self, calls: Calls, function: Function, now: Configuration) -> bool:
        """Tell whether a version of tagship's has the artifact's code and variables."""
        variables = {**now.variables, **self.artifact.variables}
        fits = nameless(variables) == nameless(now.variables) and function.handler in {"", now.handler}
        return fits and self.has_code(calls, function, now)

    def has_code(self, calls: Calls, function: Function, now: Configuration) -> bool:
        """Tell whether a version of tagship's has the artifact's code."""
        return now.label is not None and code_of(self.artifact, self.bucket, function).runs(calls, now)

    def base(self, calls: Calls) -> str:
        """Publish $LATEST as it is, for a new alias. Raises UnfitFunction."""
        for _ in range(ROUNDS):
            try:
                return calls.publish(self.settled(calls)).version
            except Raced:
                self.wait(LAST_LOOK)
        raise UnfitFunction(_raced())

    def _published(self, calls: Calls, function: Function) -> str:
        code = code_of(self.artifact, self.bucket, function)
        for _ in range(ROUNDS):
            try:
                return self._once(calls, function, code)
            except Raced:
                self.wait(LAST_LOOK)
        raise UnfitFunction(_raced())

    def _once(self, calls: Calls, function: Function, code: Code) -> str:
        """Update and publish. Raises Raced if another does so too."""
        now = self.brought(calls, function, code)
        self.wait(0)
        version = calls.publish(now, self.artifact.label)
        if version.label != self.artifact.label:
            other = f", of {version.label.artifact}" if version.label else ""
            raise UnfitFunction(f"Lambda published nothing new: it answered with version {version.version}{other}")
        return version.version

    def brought(self, calls: Calls, function: Function, code: Code, ours: Ours = lambda _: None) -> Configuration:
        """Give $LATEST its variables, then its code; return it.

        `ours` is called with $LATEST before each update, and raises if another change has it by now. Raises Raced,
        UnfitFunction.
        """
        now = self.settled(calls)
        ours(now)
        if unfit := now.unfit or code.why_unfit(now):
            raise UnfitFunction(unfit)
        variables = {**now.variables, **self.artifact.variables}
        if variables != now.variables or function.handler not in {"", now.handler}:
            self.wait(0)
            calls.configure(variables, function.handler, now.revision)
            now = self.updated(calls)
            ours(now)
        if not code.runs(calls, now):
            self.wait(0)
            code.update(calls, now.revision)
            now = self.updated(calls)
            ours(now)
        if not code.runs(calls, now) or now.variables != variables:
            raise Raced(calls.function)
        return now

    def _until_active(self, calls: Calls, number: str) -> None:
        now = self._once_it(
            lambda: calls.configuration(number), self._is_over, "its new version was not ready to be invoked"
        )
        if now.state not in RUNS:
            raise UnfitFunction(f"version {number} is {now.state}" + (f" ({now.problem})" if now.problem else ""))

    def _is_over(self, version: Configuration) -> bool:
        """Tell whether a version is as it will be.

        A deployment waits for SnapStart's snapshot too; a rollback, for nothing that callers can do without.
        """
        unsnapped = version.state == "Active" and version.snapshot == "Off"
        return version.state not in WAITS and not (unsnapped and self.artifact.change.action == "deploy")


def _raced() -> str:
    return f"somebody else changed it during each of {ROUNDS} attempts"
