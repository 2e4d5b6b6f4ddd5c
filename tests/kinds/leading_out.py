"""What a failure prints, typed literally: each remedy, from the state that the failure left, has to lead out.

A failure is brought about once for each command that its error names. Then the cause is lifted, as a person lifts it
who reads the error, that command is typed in a shell in the repository, and what it prints in turn, until it is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.ground import Ran
from tests.faults.remedies import LOOKS, next_lines
from tests.journeys.example import SECOND
from tests.kinds.denying import denied, killed
from tests.kinds.ground import Ground
from tests.sandbox.conftest import git

MOST = 4  # commands in a row that lead out
COMMAND = re.compile(r"\binv .*")
ENDED = (" is already running on ", "There is no unfinished deployment ", "there is nothing to heal", "nobody holds ")
SERVES = re.compile(r"^(?P<version>\d\S+) is serving\.")


Brought = Callable[[Any], Ran]


@dataclass(frozen=True)
class Failure:
    """How something goes wrong: `brought` returns what was printed then, `code` is its exit code.

    `mended` lifts the cause, for who takes that command. `serves` is what serves then; "" is not looked up.
    """

    brought: Brought
    code: int
    mended: Callable[[Any, str], None] = lambda ground, _: ground.calm()
    serves: str = SECOND


def lead_out(ground: Ground, failure: Failure) -> list[str]:
    """Take each way out that a failure prints, one after the other; return the commands."""
    taken: list[str] = []
    while True:
        ground.begin()
        ran = failure.brought(ground)
        assert ran.code == failure.code, ran.out + ran.err
        assert "Traceback" not in ran.err, ran.err
        _says_what_serves(ground, failure, ran)
        ways = commands_of(next_lines(ran.err)) or advised(ran)
        assert ways, ran.out + ran.err
        failure.mended(ground, ways[len(taken)])
        _lead(ground, ran, ways[len(taken)])
        taken.append(ways[len(taken)])
        if len(taken) >= len(ways):
            return taken


def commands_of(lines: list[str]) -> list[str]:
    """Each command that some lines name, the last thing on its line; those of other programs are left out."""
    found = [match[0] for line in lines if (match := COMMAND.search(line))]
    return list(dict.fromkeys(re.split(r"[;,)] |\)$|\. ", text)[0].strip().rstrip(".") for text in found))


def _says_what_serves(ground: Ground, failure: Failure, ran: Ran) -> None:
    if failure.serves:
        assert ground.answers() == failure.serves, ran
    named = SERVES.match(ran.now)
    assert not named or named["version"] == ground.answers(), ran


def _lead(ground: Ground, failed: Ran, command: str) -> None:
    """Take a way out, until the environment is settled."""
    settled(ground, f"{failed.typed} => {take(ground, command)}")


def take(ground: Ground, command: str) -> str:
    """Type a command, and what it prints, until it is done; return all that was typed."""
    typed: list[str] = []
    for _ in range(MOST):
        if command.startswith("inv deploy-dev"):
            _fix(ground)
        ran = ground.type(command)
        typed.append(command)
        assert "Traceback" not in ran.err, ran.err
        ways = commands_of(next_lines(ran.err)) if ran.code else advised(ran)
        if not ways or _ended(ran):
            break
        command = ways[0]
    assert _ended(ran) or (ran.typed.startswith(LOOKS) and not ran.code), f"{' => '.join(typed)}: {ran}"
    return " => ".join(typed)


def _fix(ground: Ground) -> None:
    """Commit what mends the version, unless the last commit is not released yet."""
    if git(ground.place.work, "tag", "--points-at", "HEAD"):
        ground.place.commit(f"fixed after 0.1.{ground.number()}")


def advised(ran: Ran) -> list[str]:
    """What is left to do, as a look at how things are says it, or what frees a lease."""
    if not ran.typed.startswith((*LOOKS, "inv unlock")):
        return []
    return [way for way in commands_of(ran.out.splitlines()) if way.startswith(("inv resume", "inv heal"))]


def _ended(ran: Ran) -> bool:
    done = ran.code == 0 and not ran.typed.startswith((*LOOKS, "inv unlock"))
    return done or any(words in ran.err + ran.out for words in ENDED)


def settled(ground: Ground, typed: str) -> None:
    """The ledger's last word is an end, each unit serves what it says, and nobody holds the environment."""
    ground.free()
    why = ground.unsettled()
    assert not why, f"{typed}: {why}"


# -- what goes wrong with each kind ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calls:
    """The calls of AWS by which a kind is asked, changed, and past which its change goes on without its runner.

    `anew`: they are made for a version alone that was never deployed.
    """

    asks: str
    changes: str
    begins: str
    anew: bool = False


def of_calls(calls: Calls, *, unchanged: int, serves: str = "") -> dict[str, Failure]:
    """The failures of an identity that may not make them, and of a runner that dies; `unchanged` is the first's code.

    `serves` is what serves once the runner is dead, if that can be known.
    """
    return {
        "the identity may not change it": Failure(_may_not(calls.changes, calls.anew), unchanged),
        "the identity may not ask": Failure(_may_not(calls.asks, calls.anew), 8),
        "its runner dies": Failure(_dies(calls.begins, calls.anew), 0, serves=serves),
        "its runner dies and it is run again": Failure(
            _is_run_again(calls.begins, calls.anew), 4, mended=_time_passes, serves=serves
        ),
    }


def _may_not(call: str, anew: bool) -> Brought:
    return lambda ground: ground.inv("deploy", "--version", ground.publish(anew=anew), before=denied(call))


def _dies(after: str, anew: bool) -> Brought:
    """Its runner dies right after a call; somebody looks, when its lease has expired."""

    def brought(ground: Ground) -> Ran:
        _killed(ground, after, anew)
        ground.free()
        return ground.type("inv status --env dev")

    return brought


def _is_run_again(after: str, anew: bool) -> Brought:
    """Its runner dies, and its command is typed again at once."""
    return lambda ground: ground.type(f"inv deploy --version {_killed(ground, after, anew)}")


def _time_passes(ground: Ground, command: str) -> None:
    """Who waits for the dead one's lease sees it expire; who frees it finds it held."""
    ground.calm()
    if "--wait" in command:
        ground.expire()


def _killed(ground: Ground, after: str, anew: bool) -> str:
    version = ground.publish(anew=anew)
    ran = ground.inv("deploy", "--version", version, before=killed(after))
    assert ran.code == -9, ran.out + ran.err
    return version
