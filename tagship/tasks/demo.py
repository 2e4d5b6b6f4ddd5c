"""`inv demo`: the whole story on this machine, and nothing left behind."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import command


@command(f.DEMO_KIND)
def demo(*, kind: str) -> None:
    """Ship three versions to a sandbox, one broken, and take one back."""
    from pathlib import Path

    from tagship import settings
    from tagship.sandbox.play.demo import play

    play(settings.find(Path.cwd()).parent, kind)
