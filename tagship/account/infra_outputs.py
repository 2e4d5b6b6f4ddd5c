"""The outputs of an infrastructure tool, whichever it is: read in one place, and kept beside the artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tagship.domain.infra import Output, read_outputs, shown
from tagship.errors import ServiceFailed
from tagship.ports.app import App

Shown = Mapping[str, Mapping[str, object]]


def keep(app: App, file: Path, artifact: str, environment: str, outputs: Mapping[str, Output]) -> Shown:
    """Write outputs down, sensitive ones by their names alone; return them so."""
    public = shown(outputs)
    document = {"artifact": artifact, "environment": environment, "outputs": public}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")
    app.screen.say(f"outputs ({len(public)}) in {file.relative_to(app.root)}")
    return public


def of_file(file: Path, tool: str, again: str) -> Mapping[str, Output]:
    """Read the outputs that a tool wrote. Raises ServiceFailed.

    `tool` is its command.
    """
    try:
        return read_outputs(file.read_text("utf-8"), tool)
    except (OSError, ValueError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else str(reason)
        raise ServiceFailed(
            f"{tool} ran, and its outputs can't be read from {file.name}: {why}.",
            state="What it made stays.",
            remedy=f"Have it write infra.outputs, then: {again}",
        ) from reason
