"""What environments ask for and a sandbox only simulates: `up` says it loudly, as nothing else shows it."""

from __future__ import annotations

from collections.abc import Iterator

from tagship.settings import Settings
from tagship.settings.ec2 import Ec2
from tagship.settings.ecs import Ecs


def simulated(chosen: Settings) -> Iterator[str]:
    """Yield a line for each thing that is simulated."""
    environments = list(chosen.environments.values())
    kinds = [hosts for environment in environments if (hosts := environment.runs_on(Ec2))]
    if any(hosts.runtime == "docker" for hosts in kinds) or any(place.runs_on(Ecs) for place in environments):
        yield "  SIMULATED: no container engine; the image's command runs as a plain process"
    if any(hosts.manager == "systemd" for hosts in kinds):
        yield "  SIMULATED: no systemd and no accounts; everything runs as you"
    if any(hosts.kind == "job" for hosts in kinds):
        yield "  SIMULATED: no timers; run the job by hand: inv sandbox run-timer"
