"""Simulated hosts: a fleet of hundreds on a small machine. They serve nothing, and nothing about an app is proved here.

TAGSHIP_SANDBOX_SIMULATED=500 gives every environment that many of them in place of real ones, and there is no other way
to get one. Everything up to and with SSM's API stays as it is; only what a command does on the host is answered here,
by a few lines that speak the verdict protocol: an order takes a while, keeps to the fencing number, fails where it was
told to, and is remembered, so that `status` says what was done.
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
    """What all simulated hosts do: an order takes from `quickest` to `slowest` seconds; the hosts in `failing` end with
    `outcome`, those in `mute` say nothing, and those in `stuck` never end."""

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
    """One host of a fleet: what it serves, what it kept, and the highest fencing number that it heard."""

    id: str
    root: Path
    behaviour: Behaviour
    online: threading.Event = field(default_factory=threading.Event)
    serving: str = ""
    kept: list[str] = field(default_factory=list)
    fence: int = 0
    orders: list[str] = field(default_factory=list)  # action and artifact of all that changed it, for the tests
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.online.set()

    def variables(self) -> Mapping[str, str]:
        return {}

    def obey(self, parameters: Mapping[str, Sequence[str]], stop: threading.Event) -> tuple[int, str]:
        """The exit code and the output of one command; `stop` ends it early, as a cancelled one."""
        if any(name not in parameters for name in NEEDED):
            return 127, "a simulated host knows the document tagship-deploy and no other\n"
        told = {name: parameters[name][0] for name in NEEDED}
        if told["action"] == "status":
            return self._said(told, "healthy" if self.serving else "empty", self.serving)
        if not self._lock.acquire(blocking=False):
            return self._said(told, "held", "", "another action runs on this host")
        try:
            return self._change(told, stop)
        finally:
            self._lock.release()

    def _change(self, told: Mapping[str, str], stop: threading.Event) -> tuple[int, str]:
        if int(told["fence"]) < self.fence:
            return self._said(told, "held", "", f"fence {told['fence']} is lower than {self.fence}")
        self.fence = int(told["fence"])
        if told["action"] == "prune" or told["artifact"] == self.serving:
            return self._said(told, "pruned" if told["action"] == "prune" else "unchanged", self.serving)
        before, does = self.serving, self.behaviour
        if self.id in does.stuck:
            stop.wait()
        if stop.wait(random.uniform(does.quickest, does.slowest)):  # noqa: S311 (a duration, not a secret)
            return 137, ""
        self.orders.append(f"{told['action']} {told['artifact']}")
        if told["action"] == "deploy" and self.id in does.mute:
            return 1, ""
        if told["action"] == "deploy" and self.id in does.failing:
            self.serving = "" if does.outcome == "rollback-failed" else before
            return self._said(told, does.outcome, before, "it was told to fail")
        self.serving = told["artifact"]
        self.kept = [told["artifact"], *(one for one in self.kept if one != told["artifact"])][:3]
        return self._said(told, "healthy", before)

    def _said(self, told: Mapping[str, str], outcome: str, before: str, reason: str = "") -> tuple[int, str]:
        verdict = {
            "tagship": 1,
            "action": told["action"],
            "outcome": outcome,
            "artifact": told["artifact"],
            "serving": self.serving,
            "previous": before,
            "reason": reason,
            "evidence": "a simulated host has no log" if reason else "",
            "fence": self.fence,
            "health": {},
            "durations": {"total": 0},
            "kept": self.kept,
        }
        return CODES.get(outcome, 0), json.dumps(verdict) + "\nSIMULATED HOST\n"
