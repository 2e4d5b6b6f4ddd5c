"""How a tool's failure on the infrastructure is told: what is wrong, how things are, and what leads on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tagship.domain import commands
from tagship.domain.text import span
from tagship.engine import statelocks
from tagship.errors import UNCHANGED, Held, Interrupted, Refused, ServiceFailed, TagshipError
from tagship.ports.account import ToolFailed
from tagship.ports.app import App
from tagship.settings import Infra

PLANS = 3  # in all, where other runs keep changing the state after each


@dataclass(frozen=True)
class Attempt:
    """A run of a tool on an environment.

    `again` is the command that runs it once more.
    """

    app: App
    environment: str
    settings: Infra
    again: str


@contextmanager
def explained(attempt: Attempt, state: str = UNCHANGED) -> Iterator[None]:
    """Turn a tool's failure into three sentences.

    `state` is how things are after it.
    """
    try:
        yield
    except ToolFailed as reason:
        raise _failure(attempt, reason, state) from reason
    except KeyboardInterrupt as reason:
        raise Interrupted(
            "Interrupted; the tool was asked to stop, and ended.",
            state=state,
            remedy=f"See that it left no lock, then run it again: {commands.infra_lock(attempt.environment)}",
        ) from reason


def _failure(attempt: Attempt, reason: ToolFailed, state: str) -> TagshipError:
    if reason.kind == "locked":
        return _held(attempt, reason)
    if reason.kind == "stale":
        problem = f"Others changed the state of {attempt.environment} after each of {PLANS} plans."
        return ServiceFailed(problem, remedy=f"Run it again when they are done: {attempt.again}", evidence=reason.said)
    if reason.kind == "unpinned":
        return _unpinned(attempt, reason)
    return ServiceFailed(
        f"{reason.doing} {_ended(reason.code)}.",
        state=state,
        remedy=f"Fix the cause above, then run it again: {attempt.again}",
        evidence=reason.said,
    )


def _unpinned(attempt: Attempt, reason: ToolFailed) -> Refused:
    folder = shlex.quote(attempt.settings.directory)
    lock = shlex.quote(f"{attempt.settings.directory}/.terraform.lock.hcl")
    return Refused(
        f"Terraform needs providers that {lock} does not pin, and CI runs no others.",
        remedy=f"Pin them on your machine: terraform -chdir={folder} init -backend=false && "
        f"terraform -chdir={folder} providers lock -platform=linux_amd64 && git add {lock} && git commit",
        evidence=reason.said,
    )


def _ended(code: int) -> str:
    """Say how a tool ended; a negative code is a signal's."""
    return f"failed with exit {code}" if code >= 0 else f"was killed by signal {-code}"


def _held(attempt: Attempt, reason: ToolFailed) -> Held:
    """Say who has the state, by the lock's own word."""
    # Terraform's message, for one, advises to switch locking off.
    held = statelocks.read(attempt.app, attempt.environment, statelocks.find(attempt.app, attempt.environment))
    waited = f"after {span(attempt.settings.lock_timeout)} of waiting"
    if held.state == "free":
        problem = f"The Terraform state of {attempt.environment} was held until a moment ago, {waited}."
        return Held(problem, remedy=f"Run it again: {attempt.again}", evidence=reason.said)
    remedy = f"Wait for it, or if it is dead: {statelocks.unlock_command(held)}"
    if held.state == "unreadable":
        remedy = f"If nobody works on that state: {statelocks.unlock_command(held)}"
    return Held(f"{statelocks.described(held)}, {waited}.", remedy=remedy)
