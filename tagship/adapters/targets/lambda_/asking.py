"""Asking a function whether it works: invocations until enough good answers came in a row."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tagship.adapters.targets.lambda_.calls import Calls, Missing, Raced
from tagship.adapters.targets.lambda_.events import why_untrue
from tagship.adapters.targets.looks import pause
from tagship.domain.health import Sample, Verdict, in_a_row, is_settled, under_way, verdict, waits
from tagship.domain.lambda_.answer import why_wrong
from tagship.errors import ServiceFailed
from tagship.settings.health import Health
from tagship.settings.lambda_ import Function

NOT_READY = "it cannot be invoked yet"
LOOKS = 2  # invocations of one observation: the first may wake a function


class Stopped(Exception):
    """The change was given up: nothing more is done."""


@dataclass(frozen=True)
class Query:
    """Whether a version works, asked by its number or an alias."""

    calls: Calls
    function: Function
    qualifier: str
    number: str
    artifact: str


@dataclass(frozen=True)
class _Answer:
    """One invocation; `elsewhere` if another version answered."""

    sample: Sample
    log: str = ""
    elsewhere: bool = False


@dataclass(frozen=True)
class Answered:
    """What came of asking, and the log of a bad answer."""

    verdict: Verdict
    log: str = ""
    elsewhere: bool = False  # the last answer was another version's


@dataclass
class Asking:
    """Asks a function's versions; `sleep` waits, and `stop` ends all waits.

    `events` are what each function is asked with, by its name. `progress` says of those that answer badly at which
    attempt they are.
    """

    health: Health
    sleep: Callable[[float], None]
    events: Mapping[str, str]
    stop: threading.Event = field(default_factory=threading.Event)
    progress: dict[str, str] = field(default_factory=dict)

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped."""
        pause(seconds, self.sleep, self._check)
        self._check()

    def _check(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def ask(self, question: Query, attempts: int, passes: int) -> Answered:
        """Invoke until `passes` answers in a row are good.

        A good one is the version's own, and what the settings expect of that artifact.
        """
        try:
            return self._asked(question, attempts, passes)
        finally:
            self.progress.pop(question.calls.function, None)

    def _asked(self, question: Query, attempts: int, passes: int) -> Answered:
        samples: list[Sample] = []
        answer, log, health = _Answer(Sample(0)), "", self.health
        for seconds in [*waits(attempts, health.cap), 0.0]:
            answer = _sampled(question, self.events[question.calls.function])
            samples.append(answer.sample)
            log = answer.log or log
            judged = verdict(samples, expected=question.artifact, passes=passes)
            if judged.healthy:
                return Answered(judged)
            if answer.sample.status:  # a good one
                self.wait(0.0)
                continue
            if is_settled(samples, health.settled):
                judged = replace(judged, reason=in_a_row(judged.reason, health.settled))
                break
            if len(samples) < attempts:
                words = under_way(len(samples), attempts, judged.reason, health.cap)
                self.progress[question.calls.function] = words
            self.wait(seconds)
        return Answered(judged, log, answer.elsewhere)


def _sampled(question: Query, event: str) -> _Answer:
    """Invoke once."""
    try:
        invoked = question.calls.invoke(question.qualifier, event)
    except (Raced, Missing):
        return _Answer(Sample(0, problem=NOT_READY))
    except ServiceFailed as reason:
        return _Answer(Sample(0, problem=reason.what.rstrip(".")))
    if invoked.version != question.number:
        other = f"version {invoked.version} answered, not version {question.number}"
        return _Answer(Sample(0, problem=other), elsewhere=True)
    if invoked.error:
        problem, error = _raised(invoked.payload)
        return _Answer(Sample(0, problem=problem, said=error), invoked.log)
    problem = _why_wrong(question, invoked.payload)
    bad = Sample(0, problem=problem, said=problem)
    return _Answer(bad, invoked.log) if problem else _Answer(Sample(200, question.artifact))


def _why_wrong(question: Query, payload: bytes) -> str:
    health, artifact = question.function.health, question.artifact
    if wrong := why_wrong(payload, health.expect, artifact):
        return wrong
    return why_untrue(payload, health.expression, artifact) if health.expression else ""


def _raised(payload: bytes) -> tuple[str, str]:
    """Word the error that a function ended in, and name its type.

    A message may have a time or an id in it.
    """
    try:
        value: Any = json.loads(payload)
        return f"it failed with {value['errorType']}: {value['errorMessage']}", f"it failed with {value['errorType']}"
    except (ValueError, KeyError, TypeError):
        return "it failed without a message", "it failed"
