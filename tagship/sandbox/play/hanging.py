"""A daemon that lives and does not answer: nobody ends it unasked, since its hosts would start empty."""

from __future__ import annotations

import urllib.error
import urllib.request

from tagship.domain import commands
from tagship.errors import ServiceFailed
from tagship.sandbox import state
from tagship.sandbox.state import Running

WITHIN = 10.0  # seconds: a daemon is in no hurry on a busy machine


def silent(running: Running | None) -> int:
    """Return the pid of a daemon that hangs; else 0."""
    return running.pid if running and state.alive(running) and not _answers(running) else 0


def _answers(running: Running) -> bool:
    try:
        with urllib.request.urlopen(f"{running.aws_url}/sandbox/faults", timeout=WITHIN) as answer:  # noqa: S310 (loopback)
            return bool(answer.status)
    except urllib.error.HTTPError:  # it asks for the run's token: it is there
        return True
    except OSError:
        return False


def remedy(pid: int) -> str:
    """Say how to start a sandbox again that hangs."""
    again = f"kill -KILL {pid} && {commands.sandbox('up')}"
    return f"If it hangs, start it again (its Git repository is kept): {again}"


def error(pid: int) -> ServiceFailed:
    """Build the error of a daemon that does not answer."""
    return ServiceFailed(
        f"The sandbox's daemon (pid {pid}) does not answer within {WITHIN:.0f} s.",
        state="It was left as it is.",
        remedy=remedy(pid),
    )


def unending(pid: int) -> ServiceFailed:
    """Build the error of a daemon that was killed and lives on."""
    return ServiceFailed(
        f"The sandbox's daemon (pid {pid}) does not end, though it was killed.",
        state="Its folder is removed, and its hosts and runs are ended.",
        remedy=f"See what it waits for: ps -o stat,wchan,command -p {pid}",
    )
