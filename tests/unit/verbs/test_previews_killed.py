"""A preview is killed at each write and each step of its tool: what is run next converges, and nothing is ever lost.

Held at every moment: if anything of a preview is there, its record says so. Without that, no sweep would find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.domain.preview import PreviewRecord
from tagship.errors import Refused
from tagship.verbs.deploy import deploy
from tagship.verbs.infra_apply import infra_apply
from tagship.verbs.preview_close import preview_close
from tagship.verbs.preview_sweep import preview_sweep
from tests.fakes.app import VALUES, FakeApp, settings
from tests.fakes.death import Died
from tests.fakes.forge import FakeForge
from tests.fakes.foundation import FakeFoundation
from tests.fakes.target import FakeTarget, machine

ARTIFACT, ENVIRONMENT = "622d2103-20250820-124500", "pr-51"
STEPS = 40  # more than there are: the test says so if not


class Cloud:
    """What a team's tool makes of a preview, in two steps, and takes away in two."""

    def __init__(self) -> None:
        self.resources: set[str] = set()
        self.step: Callable[[str], None] = lambda _: None

    def run(self, command: Any, _variables: Any) -> None:
        wanted = {"up": self.resources.add, "down": self.resources.discard}[command[0]]
        for resource in ("function", "table"):
            self.step(f"before {command[0]} {resource}")
            wanted(resource)
            self.step(f"after {command[0]} {resource}")


class World:
    """An app whose every write and every step of its tool can be its last."""

    def __init__(self, folder: Path) -> None:
        (folder / "infra").mkdir(exist_ok=True)
        template = {
            "ec2": {"tags": {"tagship:environment": "pr-{n}"}, "command": ["python3", "app.py"]},
            "infra": {"directory": "infra", "command": ["up"]},
        }
        table = {"environment": template, "remove": ["down"]}
        chosen = settings(environments=VALUES["environments"], previews=table)
        chosen.environment(ENVIRONMENT)
        self.cloud, self.forge = Cloud(), FakeForge()
        self.forge.pulls = {51: "open"}
        given = {"forge": self.forge, "infrastructure": self.cloud, "foundation": FakeFoundation()}
        self.app = FakeApp(chosen, given=given, hosts=FakeTarget([machine("web-1")]))
        self.app.root = folder
        self.app.publish(ARTIFACT, environment=ENVIRONMENT)

    @property
    def state(self) -> str:
        stored = self.app.store.get(layout.preview("hello", ENVIRONMENT))
        record = PreviewRecord.read(stored.body) if stored else None
        return record.state if record else ""

    def ship(self) -> None:
        infra_apply(self.app, artifact=ARTIFACT, env=ENVIRONMENT)
        deploy(self.app, artifact=ARTIFACT, env=ENVIRONMENT)

    def close(self) -> None:
        preview_close(self.app, pr="51")

    def check(self) -> None:
        """What is there is recorded; so what is recorded as closed, or not at all, is gone."""
        assert not self.cloud.resources or self.state in ("open", "closing"), self.state

    @contextmanager
    def killed(self, at: int) -> Iterator[list[int]]:
        """Kill what runs in here at its step of that number; the list is empty if it had fewer."""
        steps, died = 0, list[int]()
        app = self.app
        release, let_go = app.leases.release, app.leases.let_go

        def step(*_: object) -> None:
            nonlocal steps
            self.check()
            steps += 1
            if steps == at:
                died.append(steps)
                app.leases.release = app.leases.let_go = lambda _: None  # type: ignore[assignment,method-assign]
                raise Died

        app.store.before = app.store.after = self.cloud.step = app.hosts.during = app.ledger.before = step
        try:
            yield died
        except Died:
            pass
        finally:
            app.store.before = app.store.after = lambda _verb, _key: None
            self.cloud.step = app.ledger.before = lambda _: None
            app.hosts.during = _nothing
            app.leases.release, app.leases.let_go = release, let_go  # type: ignore[method-assign]
            app.clock.advance(121)  # by then a dead runner's lease has run out
            self.check()


def _nothing(_: object) -> None:
    """Nothing happens while a host acts."""


def every_step(folder: Path, act: Callable[[World], None], prepare: Callable[[World], None]) -> Iterator[World]:
    """A world for each step at which `act` was killed."""
    for at in range(1, STEPS + 1):
        world = World(folder)
        prepare(world)
        with world.killed(at) as died:
            act(world)
        if not died:
            assert at > 8, "it was hardly killed anywhere"
            return
        yield world
    raise AssertionError(f"there are more than {STEPS} steps")


def test_a_deployment_that_is_killed_anywhere_and_run_again_serves(tmp_path: Path) -> None:
    for world in every_step(tmp_path, World.ship, lambda _: None):
        world.ship()
        assert (world.state, world.cloud.resources) == ("open", {"function", "table"})
        assert world.app.hosts.serving == {"web-1": ARTIFACT}


def test_a_deployment_that_is_killed_anywhere_is_taken_away_by_the_close(tmp_path: Path) -> None:
    for world in every_step(tmp_path, World.ship, lambda _: None):
        world.forge.pulls[51] = "closed"
        world.close()
        assert (world.state, world.cloud.resources) == ("closed", set())
        with pytest.raises(Refused, match="Pull request 51 is closed"):
            world.ship()
        assert (world.state, world.cloud.resources) == ("closed", set())


def test_a_deployment_that_is_killed_anywhere_is_taken_away_by_the_sweep_alone(tmp_path: Path) -> None:
    """No job of the close ever came."""
    for world in every_step(tmp_path, World.ship, lambda _: None):
        world.forge.pulls[51] = "closed"
        preview_sweep(world.app)
        assert (world.state, world.cloud.resources) == ("closed", set())


@pytest.mark.parametrize("again", [World.close, lambda world: preview_sweep(world.app)], ids=["close", "sweep"])
def test_a_close_that_is_killed_anywhere_is_ended_by_what_comes_next(
    tmp_path: Path, again: Callable[[World], None]
) -> None:
    for world in every_step(tmp_path, World.close, World.ship):
        world.forge.pulls[51] = "closed"
        again(world)
        assert (world.state, world.cloud.resources) == ("closed", set())


def test_a_close_that_is_killed_anywhere_and_a_pull_request_that_is_opened_again_serves(tmp_path: Path) -> None:
    for world in every_step(tmp_path, World.close, World.ship):
        world.app.hosts.machines[0].serving = ""
        world.ship()
        assert (world.state, world.cloud.resources) == ("open", {"function", "table"})
