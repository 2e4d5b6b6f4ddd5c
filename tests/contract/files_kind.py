"""A toy kind, "files on this disk": a unit is a folder, its app a file, its health answer the version in that file.

It shows what a new kind takes: a Target, and a line in KINDS. What a kind has beside (wire formats, a settings table, a
service of the sandbox) would be its own files as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tagship.domain.change import Change
from tagship.domain.deployment import begun
from tagship.domain.rules import Rules
from tagship.domain.units import Operation, Report, Unit
from tagship.errors import Refused
from tagship.ports.target import Tick


@dataclass
class FilesTarget:
    """Folders under `root/units`. An artifact is root/artifacts/<id>/app, which says what it answers as."""

    root: Path
    rules: Rules = field(default_factory=Rules)

    def prepare(self) -> None: ...

    def units(self) -> Sequence[Unit]:
        folders = sorted((self.root / "units").glob("*"))
        if not folders:
            raise Refused(f"There is no folder in {self.root}/units.", remedy="Make one")
        return [Unit(folder.name, folder.name, True, noun="folder") for folder in folders]

    def observe(self, units: Sequence[Unit], tick: Tick) -> Sequence[Report]:
        tick("reading")
        return [self._observed(unit.id) for unit in units]

    def _observed(self, unit: str) -> Report:
        serving = self._serving(unit)
        return Report(unit, "healthy" if serving else "empty", serving=serving)

    def start(self, change: Change, units: Sequence[Unit]) -> Sequence[Operation]:
        reports = {unit.id: self._changed(unit.id, change).__dict__ for unit in units}
        folder = self.root / "operations"
        folder.mkdir(exist_ok=True)
        id_ = f"{len(list(folder.iterdir())):06d}"
        kept = {"deployment": change.deployment_id, "action": change.action, "artifact": change.artifact_id}
        (folder / id_).write_text(json.dumps({**kept, "reports": reports}))
        return [self._operation(id_)]

    def _changed(self, unit: str, change: Change) -> Report:
        """Put the artifact's file in place of the one that serves, ask it, and put the old one back if it lies."""
        fence, app = self.root / "units" / unit / "fence", self.root / "units" / unit / "app"
        before, accepted = self._serving(unit), int(fence.read_text()) if fence.exists() else 0
        if change.fence < accepted:
            return Report(unit, "held", change.artifact_id, before, before, f"{change.fence} is below {accepted}")
        fence.write_text(str(change.fence))
        if before == change.artifact_id:
            return Report(unit, "unchanged", change.artifact_id, before, before)
        old = app.read_text() if app.exists() else ""
        app.write_text((self.root / "artifacts" / change.artifact_id / "app").read_text())
        if self._serving(unit) == change.artifact_id:
            return Report(unit, "healthy", change.artifact_id, change.artifact_id, before)
        answer = self._serving(unit) or "nothing"
        app.write_text(old)
        return Report(unit, "rolled-back", change.artifact_id, before, before, f"it answered as {answer}")

    def finish(
        self, operations: Sequence[Operation], change: Change, units: Sequence[Unit], tick: Tick
    ) -> Sequence[Report]:
        tick("reading")
        reports = {
            unit: Report(**value)
            for operation in operations
            for unit, value in self._kept(operation.id)["reports"].items()
        }
        return [reports.get(unit.id, Report(unit.id, "silent", reason="it was not asked")) for unit in units]

    def operations(self, deployment_id: str, since: datetime) -> Sequence[Operation]:
        kept = sorted(path.name for path in (self.root / "operations").glob("*"))
        mine = [id_ for id_ in kept if self._kept(id_)["deployment"] == deployment_id]
        return [self._operation(id_) for id_ in mine if begun(deployment_id) >= since]

    def cancel(self, operations: Sequence[Operation]) -> None:
        """A change of a file is over as it begins."""

    def committed(self, change: Change) -> None:
        (self.root / "committed").write_text(change.artifact_id)

    def uncommitted(self, artifact_id: str) -> str:
        path = self.root / "committed"
        last = path.read_text() if path.exists() else "nothing"
        return "" if last == artifact_id else f"files that are made run {last}"

    def files(self) -> Mapping[str, bytes]:
        return {}

    def required(self) -> Sequence[str]:
        return ()

    def _serving(self, unit: str) -> str:
        path = self.root / "units" / unit / "app"
        return path.read_text().strip() if path.exists() else ""

    def _kept(self, id_: str) -> Any:
        return json.loads((self.root / "operations" / id_).read_text())

    def _operation(self, id_: str) -> Operation:
        kept = self._kept(id_)
        return Operation(id_, f"write {id_}", kept["action"], kept["artifact"], tuple(kept["reports"]), running=False)


def connect(context: Any, environment: str) -> FilesTarget:
    """The folders of one environment."""
    return FilesTarget(context.root / environment)
