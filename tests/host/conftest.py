"""Fixtures: one ground and one registry a session, machines as a test wants them. What was measured ends a run.

WHOLE=1 runs every count in full; without it a tenth runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Protocol

import pytest

from tests.host import matrix
from tests.host.engine import Engine
from tests.host.ground import Ground
from tests.host.host import Host, Shop
from tests.host.machine import Machine
from tests.host.registry import Registry
from tests.sandbox.bundles import Bundle

WHOLE = bool(os.environ.get("WHOLE"))


def pytest_configure() -> None:
    """A terminated session cleans up like an interrupted one. (What a killed one leaves, the next one sweeps.)"""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Note a figure of this run; they are printed together at its end."""
    return lambda text: record_property("figure", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for word in ("passed", "failed") for one in terminalreporter.getreports(word) if one.when == "call"]
    noted = [pair for one in reports for pair in one.user_properties]
    figures = [str(value) for name, value in noted if name == "figure"]
    journals = [matrix.Journal(*value) for name, value in noted if name == "journal"]
    cuts = [matrix.Cut(*value) for name, value in noted if name == "cut"]
    figures += matrix.draw(journals, cuts)
    if figures:
        terminalreporter.section("figures" if WHOLE else "figures (a tenth; make bench-host runs the whole)")
        terminalreporter.write_line("\n\n".join(figures))


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    made = Ground()
    try:
        made.lay()
        yield made
    finally:
        if made.folder.exists():
            made.clear()


@pytest.fixture(scope="session")
def registry(ground: Ground) -> Registry:
    made = Registry(ground)
    made.start()
    return made


@pytest.fixture(scope="session")
def engine(ground: Ground, registry: Registry) -> Engine:
    """The engine that images are built with, logged in to the registry."""
    made = Engine(ground, registry)
    made.login()
    return made


@pytest.fixture(scope="session")
def python_base(engine: Engine) -> str:
    """An image in the registry that services in Python are built from."""
    name = engine.python_base(f"{engine.registry.address}/base/python:system")
    engine.docker("push", "--quiet", name)
    return name


class MakeMachine(Protocol):
    def __call__(self, name: str) -> Machine: ...


@pytest.fixture
def machine(ground: Ground, registry: Registry) -> Iterator[MakeMachine]:
    """Makes booted machines; they are gone when the test ends."""
    made: list[Machine] = []

    def make(name: str) -> Machine:
        made.append(Machine(ground, registry, name))
        return made[-1].up()

    try:
        yield make
    finally:
        for each in made:
            each.down()


@pytest.fixture(scope="session")
def shop(engine: Engine, python_base: str) -> Shop:
    return Shop(engine, python_base)


@pytest.fixture(scope="session")
def used_host(ground: Ground, registry: Registry) -> Iterator[Host]:
    """The machine that `host` hands out again and again: to boot one takes longer than most tests."""
    made = Host(ground, registry, "ec2")
    try:
        yield made.up()
    finally:
        made.machine.down()


@pytest.fixture
def host(used_host: Host) -> Host:
    """A booted EC2 host on which nothing was deployed yet."""
    used_host.reset()
    return used_host


@pytest.fixture
def serving(host: Host, shop: Shop) -> Bundle:
    """What serves when a fault comes: 0.1.0-dev."""
    bundle = host.publish(shop.docker("0.1.0-dev"))
    answer = host.deploy(bundle)
    assert answer.outcome == "healthy", answer.output
    return bundle
