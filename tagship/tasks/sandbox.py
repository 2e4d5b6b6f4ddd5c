"""`inv sandbox up|down|status|reset`: the embedded AWS."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import verb


@verb(positional=["action"], help={"action": "up, down, status or reset", "json": "print one JSON document"})
def sandbox(_c: Any, action: str, json: bool = False) -> None:
    """An AWS on this machine, to practise on: up, down, status or reset."""
    from json import dumps
    from pathlib import Path

    from tagship import settings
    from tagship.sandbox.play import report

    said = report.perform(action, settings.find(Path.cwd().resolve()))
    print(dumps(said.value, indent=2) if json else "\n".join(said.lines))
