"""Simulated hosts: a fleet of hundreds on a small machine. They serve nothing, and nothing about an app is proved here.

TAGSHIP_SANDBOX_SIMULATED=500 gives every environment that many of them instead of real ones; there is no other way to
get one. Everything up to and with SSM's API stays as it is; only what a command does on the host is answered here,
by a few lines that speak the verdict protocol: an order takes a while, keeps to the fencing number, fails if a test
asked for it, and is remembered, so that `status` says what was done.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CODES = {"held": 4, "refused": 5, "failed": 6, "rolled-back": 6, "rollback-failed": 7}
NEEDED = ("action", "artifact", "fence")


@dataclass
class Behaviour:
    """What all simulated hosts do.

    An order takes from `quickest` to `slowest` seconds. The hosts in `failing` end with `outcome`, those in `mute` say
    nothing, and those in `stuck` never end.
    """

    quickest: float = 0.2
    slowest: float = 1.0
    outcome: str = "failed"
    failing: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)

    def change(self, asked: Mapping[str, Any]) -> None:
        self.quickest = float(asked.get("quickest", self.quickest))
        self.slowest = float(asked.get("slowest", self.slowest))
        self.outcome = str(asked.get("outcome", self.outcome))
        self.failing = set(asked.get("failing", self.failing))
        self.mute = set(asked.get("mute", self.mute))
        self.stuck = set(asked.get("stuck", self.stuck))


@dataclass
class SimulatedHost:
    """One host of a fleet.

    What it serves, what it kept, and the highest fencing number that it heard.
    """

    id: str
    root: Path
    behaviour: Behaviour
    online: threading.Event = field(default_factory=threading.Event)
    serving: str = ""
    kept: list[str] = field(default_factory=list)
    fence: int = 0
    edited: list[str] = field(default_factory=list)  # by hand, as a test wants it
    orders: list[str] = field(default_factory=list)  # action and artifact of all that changed it, for the tests
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.online.set()

    def variables(self) -> Mapping[str, str]:
        return {}

    def obey(self, parameters: Mapping[str, Sequence[str]], stop: threading.Event) -> tuple[int, str]:
        """Carry out one command; return its exit code and output."""
        # `stop` ends it early, as a cancelled one.
        if any(name not in parameters for name in NEEDED):
            return 127, "a simulated host knows the document tagship-deploy and no other\n"
        order = {name: parameters[name][0] for name in NEEDED}
        if order["action"] == "status":
            return self._verdict(order, "healthy" if self.serving else "empty", self.serving)
        if not self._lock.acquire(blocking=False):
            return self._verdict(order, "held", "", "another action runs on this host")
        try:
            return self._change(order, stop)
        finally:
            self._lock.release()

    def _change(self, order: Mapping[str, str], stop: threading.Event) -> tuple[int, str]:
        if int(order["fence"]) < self.fence:
            return self._verdict(order, "held", "", f"fence {order['fence']} is lower than {self.fence}")
        self.fence = int(order["fence"])
        same = order["artifact"] == self.serving and not self.edited
        if order["action"] == "prune" or same:
            return self._verdict(order, "pruned" if order["action"] == "prune" else "unchanged", self.serving)
        before, behaviour = self.serving, self.behaviour
        if self.id in behaviour.stuck:
            stop.wait()
        if stop.wait(random.uniform(behaviour.quickest, behaviour.slowest)):  # noqa: S311 (a duration, not a secret)
            return 137, ""
        self.orders.append(f"{order['action']} {order['artifact']}")
        if order["action"] == "deploy" and self.id in behaviour.mute:
            return 1, ""
        if order["action"] == "deploy" and self.id in behaviour.failing:
            self.serving = "" if behaviour.outcome == "rollback-failed" else before
            return self._verdict(order, behaviour.outcome, before, "a test asked it to fail")
        self.serving, self.edited = order["artifact"], []
        self.kept = [order["artifact"], *(artifact for artifact in self.kept if artifact != order["artifact"])][:3]
        return self._verdict(order, "healthy", before)

    def _verdict(self, order: Mapping[str, str], outcome: str, before: str, reason: str = "") -> tuple[int, str]:
        verdict = {
            "tagship": 1,
            "action": order["action"],
            "outcome": outcome,
            "artifact": order["artifact"],
            "serving": self.serving,
            "previous": before,
            "reason": reason,
            "evidence": "a simulated host has no log" if reason else "",
            "fence": self.fence,
            "health": {},
            "durations": {"total": 0},
            "kept": self.kept,
        }
        if order["action"] == "status" and self.edited:
            verdict["edited"] = self.edited
        return CODES.get(outcome, 0), json.dumps(verdict) + "\nSIMULATED HOST\n"
