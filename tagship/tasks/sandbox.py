"""`inv sandbox up|down|status|reset|secret|stop-host|start-host|pull-request|run-timer|rerun`: the embedded AWS."""

from __future__ import annotations

from tagship.tasks import flags as f
from tagship.tasks._verb import command


@command(f.ACTION, f.ITEM, f.SANDBOX_HOSTS, f.SANDBOX_REMOVE, f.YES, f.JSON)
def sandbox(*, action: str, item: str, hosts: str, remove: bool, yes: bool, json: bool) -> None:
    """Run an AWS on this machine, to practise on."""
    from dataclasses import replace
    from json import dumps
    from pathlib import Path

    from tagship.bootstrap import Unsettled
    from tagship.domain.text import inert_json, visible
    from tagship.sandbox.play import report

    request = report.Request(action, hosts, item, remove, yes)
    if action in report.SLOW:
        with Unsettled(Path.cwd(), as_json=json).screen.live() as show:
            result = report.perform(replace(request, show=show), Path.cwd().resolve())
    else:
        result = report.perform(request, Path.cwd().resolve())
    print(inert_json(dumps(result.value, indent=2)) if json else visible("\n".join(result.lines)))
