"""`inv demo`: the whole story on this machine, and nothing left behind."""

from __future__ import annotations

from typing import Any

from tagship.tasks._verb import verb


@verb()
def demo(_c: Any) -> None:
    """Ship three versions to a sandbox, one of them broken, and take one back."""
    from pathlib import Path

    from tagship import settings
    from tagship.sandbox.play.demo import play

    play(settings.find(Path.cwd()).parent)
