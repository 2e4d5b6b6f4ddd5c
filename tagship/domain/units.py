"""What a host is told and what it answers. Nothing but ids, digests and numbers travels to a host."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

OUTCOMES = (
    "healthy",  # the artifact named is serving, seen by its health answer
    "unchanged",  # it already was
    "empty",  # nothing was ever deployed here (status)
    "failed",  # not changed over: what was serving before still is
    "rolled-back",  # changed over, failed, put back: the previous version serves, seen by its health answer
    "rollback-failed",  # nothing that is known to be healthy serves
    "refused",  # not authentic, or the artifact is not there
    "held",  # another action or a run of the job is under way on the host, or the fencing number is too low
    "pruned",
    "silent",  # no verdict came back: the host was killed, or its output was not a verdict
)


@dataclass(frozen=True)
class Operation:
    """An order that was sent: its command's id, what it asks for, of which artifact, and the ids of the hosts."""

    command: str
    action: str
    artifact_id: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """One machine of an environment, and whether its agent answers."""

    id: str
    name: str
    online: bool
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """A host's verdict: the JSON line that its program prints first, or the reason why there is none."""

    host: str
    outcome: str
    artifact_id: str = ""
    serving: str = ""
    previous: str = ""
    reason: str = ""
    evidence: str = ""
    durations: Mapping[str, float] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    kept: Sequence[str] = ()
    unsigned: bool = False  # the artifact, or what serves, is signed by nobody

    @classmethod
    def read(cls, host: str, output: str, problem: str) -> Self:
        """The verdict on the first line of `output`; `silent`, with `problem`, when there is none."""
        line = output.split("\n", 1)[0]
        try:
            value: dict[str, Any] = json.loads(line)
            if value["tagship"] != 1 or value["outcome"] not in OUTCOMES:
                raise ValueError
            told = {ours: _of_kind(value.get(theirs, kind()), kind) for theirs, (ours, kind) in _FIELDS.items()}
        except (ValueError, KeyError, TypeError):
            return cls(host, "silent", reason=problem or "the host said nothing", evidence=output[-2000:])
        return cls(host=host, outcome=value["outcome"], **{**told, "kept": tuple(told["kept"])})

    @property
    def good(self) -> bool:
        return self.outcome in {"healthy", "unchanged"}


_FIELDS: dict[str, tuple[str, type]] = {  # of the verdict: our name for it, and what it must be
    "artifact": ("artifact_id", str),
    "serving": ("serving", str),
    "previous": ("previous", str),
    "reason": ("reason", str),
    "evidence": ("evidence", str),
    "durations": ("durations", dict),
    "health": ("health", dict),
    "kept": ("kept", list),
    "unsigned": ("unsigned", bool),
}


def _of_kind(value: Any, kind: type) -> Any:
    """The value, if it is of that kind: a verdict with a number for a name is no verdict."""
    if not isinstance(value, kind):
        raise TypeError
    return value
