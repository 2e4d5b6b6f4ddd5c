"""A ledger with everything that a report shows: three environments, failures with foreign words, a rollback, drift."""

from __future__ import annotations

import random
from collections import deque
from contextlib import suppress
from pathlib import Path

from tagship.errors import TagshipError
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.report import report
from tagship.verbs.rollback import rollback
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.target import FakeTarget, machine

DAY = 86_400.0
FOREIGN = "<script>alert(1)</script>\nTraceback \"quoted\" & 'more'\n\x1b[31mboom\x1b[0m \u202egnp.exe"


def sample() -> FakeApp:
    """Three weeks of deployments; every fifth to dev fails."""
    dev, chance = VALUES["environments"]["dev"], random.Random(3)
    environments = {name: {**dev, "suffix": name} for name in ("dev", "preprod", "prod")}
    app = FakeApp(
        settings=settings(environments=environments), hosts=FakeTarget([machine("web-1"), machine("web-<2>-2")])
    )
    for number in range(1, 16):
        for environment, every in (("dev", 1), ("preprod", 3), ("prod", 5)):
            if number % every == 0:
                _deployed(app, f"0.1.{number}-{environment}", environment, chance)
    rollback(app, to="0.1.13-dev")
    freeze(app, env="prod", until="8h", reason="the sale <b>")
    app.hosts.machines[1].serving = "0.1.7-dev"
    return app


def _deployed(app: FakeApp, version: str, environment: str, chance: random.Random) -> None:
    app.publish(version, environment=environment)
    fails = environment == "dev" and version.split("-", maxsplit=1)[0].endswith(("5", "0"))
    first = app.hosts.machines[0]
    first.answers, first.evidence, first.fence = deque(["failed"] if fails else []), FOREIGN, 0
    for each in app.hosts.machines:
        each.fence = 0  # environments of their own have hosts of their own
    app.hosts.during = lambda _: app.clock.advance(chance.uniform(4, 30))
    with suppress(TagshipError):
        deploy(app, artifact=version, env=environment)
    app.clock.advance(DAY * 1.1)


def write(path: Path) -> None:
    """Write the page of the sample."""
    report(sample(), output=str(path))
