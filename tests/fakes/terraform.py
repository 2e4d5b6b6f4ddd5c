"""An infrastructure tool whose state is a number: what it would do, what it did, and how it fails, as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tagship.domain.infra import Output
from tagship.domain.infra_owned import TerraformFiles
from tagship.domain.infra_plan import PlannedChange, PlanSummary
from tagship.errors import Refused
from tagship.ports.account import ToolFailed

Variables = Mapping[str, str | None]


@dataclass
class World:
    """What several runs of the tool share: the inputs that were applied last, and how often anything was."""

    applied: str = ""
    serial: int = 0
    locked: bool = False


@dataclass
class FakeTerraform:
    """What is applied is the `TF_VAR_artifact_id` that it was planned with. `during` is called before each apply."""

    world: World = field(default_factory=World)
    missing: bool = False
    fails: str = ""  # the verb that fails
    calls: list[str] = field(default_factory=list)
    told: list[dict[str, str | None]] = field(default_factory=list)
    during: Callable[[], None] = lambda: None
    files: TerraformFiles | None = None
    summaries: PlanSummary | None = None  # what every plan says; left out, what becomes of the release

    def prepare(self) -> None:
        self.calls.append("init")
        if self.missing:
            raise Refused("There is no terraform on PATH.", remedy="Install Terraform")
        self._may_fail("init")

    def plan(self, to: Path, variables: Variables, targets: Sequence[str] = (), *, lock: bool = True) -> bool:
        if lock:
            self._began(" ".join(["plan", *targets]), variables)
        else:
            self._asked("plan without a lock", variables)
        wanted = variables.get("TF_VAR_artifact_id") or ""
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps({"serial": self.world.serial, "wanted": wanted}))
        return wanted != self.world.applied

    def summary(self, plan: Path) -> PlanSummary:
        self.calls.append("show")
        self._may_fail("show")
        wanted = json.loads(plan.read_text())["wanted"]
        if self.summaries is not None:
            return self.summaries
        if wanted == self.world.applied:
            return PlanSummary()
        action = "replace" if self.world.applied else "create"
        return PlanSummary((PlannedChange("terraform_data.release", "terraform_data", action),))

    def configuration(self, folder: Path) -> TerraformFiles | None:
        return self.files

    def apply(self, plan: Path, variables: Variables) -> None:
        self.during()
        self._began("apply", variables)
        planned = json.loads(plan.read_text())
        if planned["serial"] != self.world.serial:
            raise ToolFailed("terraform apply", 1, "Error: Saved plan is stale", "stale")
        self.world.applied, self.world.serial = planned["wanted"], self.world.serial + 1

    def outputs(self) -> Mapping[str, Output]:
        self.calls.append("output")
        if not self.world.applied:
            return {}
        return {"release": Output(self.world.applied), "password": Output("hunter2", sensitive=True)}

    def run(self, command: Sequence[str], variables: Variables) -> None:
        self._began(" ".join(command), variables)

    def _began(self, verb: str, variables: Variables) -> None:
        self._asked(verb, variables)
        if self.world.locked:
            raise ToolFailed(f"terraform {verb}", 1, "Error: Error acquiring the state lock", "locked")

    def _asked(self, verb: str, variables: Variables) -> None:
        self.calls.append(verb)
        self.told.append(dict(variables))
        self._may_fail(verb)

    def _may_fail(self, verb: str) -> None:
        if self.fails == verb:
            raise ToolFailed(f"terraform {verb}", 1, "Error: Invalid reference\n\n  on main.tf line 3")
