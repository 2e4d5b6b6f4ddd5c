"""Runs hooks: commands on this machine, and functions of Lambda."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.hook_program import HookProgram
from tagship.adapters.terraform import INHERITED_IN_SANDBOX, environment, sandboxed
from tagship.domain.hook import HookOutcome, bounded
from tagship.domain.text import span
from tagship.errors import ServiceFailed
from tagship.ports.target import Tick

# What tagship itself signs in with: a job's right to tokens of AWS, and the forge's token.
WITHHELD = re.compile(r"ACTIONS_\w+|GITHUB_TOKEN|GH_TOKEN")
BEAT = 0.25  # seconds between two ticks
LATE = 5  # seconds that an answer may take beyond the timeout


@dataclass
class LocalHookRunner:
    """Commands run in `directory`; `withheld` are variables that they don't get.

    See tagship.ports.hooks.
    """

    aws: Aws
    directory: Path
    home: Path  # of commands in the sandbox
    say: Callable[[str], None]
    inherited: Mapping[str, str] = field(repr=False)
    withheld: Sequence[str] = ()

    def command(
        self, command: Sequence[str], variables: Mapping[str, str | None], timeout: int, tick: Tick
    ) -> HookOutcome:
        if self.aws.sandbox:
            self.home.mkdir(parents=True, exist_ok=True)
        program = HookProgram(command, self.directory, self._environment(variables), self.say)
        return program.run(timeout, tick)

    def _environment(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        passed = {
            name: value
            for name, value in self.inherited.items()
            if not WITHHELD.fullmatch(name) and name not in self.withheld
        }
        own: dict[str, str | None] = {"AWS_REGION": self.aws.region, **variables}
        if self.aws.profile:
            own["AWS_PROFILE"] = self.aws.profile
        if self.aws.sandbox:  # what else there is may name a real account
            passed = {name: value for name, value in passed.items() if INHERITED_IN_SANDBOX.fullmatch(name)}
            own |= {**sandboxed(self.aws, passed), "HOME": str(self.home)}
        return environment(passed, own)

    def invoke(self, function: str, payload: str, timeout: int, tick: Tick) -> HookOutcome:
        call = _Invocation(replace(self.aws, patience=timeout + LATE, attempts=1), function, payload)
        call.start()
        waited = 0.0
        while call.is_alive() and waited < timeout:
            tick(f"{function} has run for {span(waited)}")
            call.join(BEAT)
            waited += BEAT
        if call.is_alive():
            return HookOutcome(f"{function} did not answer within {span(timeout)}; it may still be running")
        return call.outcome


class _Invocation(threading.Thread):
    """One request, in a thread that nobody has to wait for."""

    def __init__(self, aws: Aws, function: str, payload: str) -> None:
        super().__init__(daemon=True)
        self.aws, self.function, self.payload = aws, function, payload
        self.outcome = HookOutcome("it was not invoked")

    def run(self) -> None:
        try:
            self.outcome = self._invoked()
        except ServiceFailed as reason:
            self.outcome = HookOutcome(reason.what.rstrip("."))

    def _invoked(self) -> HookOutcome:
        name, _, qualifier = self.function.partition(":")
        target = {"FunctionName": name, **({"Qualifier": qualifier} if qualifier else {})}
        with self.aws.translated(f"invoking {self.function}"):
            answer = self.aws.once("lambda").invoke(**target, Payload=self.payload.encode(), LogType="Tail")
            body = answer["Payload"].read().decode("utf-8", "replace")
        log = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
        problem = _error(body) if answer.get("FunctionError") else ""
        return HookOutcome(problem, bounded("\n".join(filter(None, [log.rstrip(), body]))))


def _error(body: str) -> str:
    """Word the error that a function ended in."""
    try:
        value: Any = json.loads(body)
        return f"it failed with {value.get('errorType', 'an error')}: {value['errorMessage']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "it failed without a message"
