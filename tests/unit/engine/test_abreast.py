"""Several environments are looked at together, and shown one after the other."""

from __future__ import annotations

import threading

import pytest

from tagship.engine.abreast import AT_ONCE, abreast
from tagship.errors import ServiceFailed
from tagship.ports.app import App
from tests.fakes.app import FakeApp

NAMES = ["dev", "preprod", "prod"]


def test_all_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(len(NAMES), timeout=20)

    def look(_: App, environment: str) -> str:
        together.wait()  # broken, and so an error, unless all of them wait here
        return environment

    assert list(abreast(FakeApp(), NAMES, look)) == NAMES


def test_no_more_are_asked_at_once_than_there_are_connections_for() -> None:
    counting, now, most = threading.Lock(), 0, 0
    release = threading.Event()

    def look(_: App, environment: str) -> str:
        nonlocal now, most
        with counting:
            now += 1
            most = max(most, now)
            if now == AT_ONCE:
                release.set()
        assert release.wait(20)
        with counting:
            now -= 1
        return environment

    many = [f"pr-{number}" for number in range(3 * AT_ONCE)]
    assert list(abreast(FakeApp(), many, look)) == many
    assert most == AT_ONCE


def test_what_a_look_shows_stands_before_its_answer_and_in_order() -> None:
    app = FakeApp()

    def look(own: App, environment: str) -> str:
        own.screen.warn(f"{environment} has an unreadable entry")
        with own.screen.live("asking 2 hosts") as phase:
            phase("1 of 2")
        return environment

    for environment in abreast(app, NAMES, look):
        app.screen.say(environment)
    assert app.screen.lines == [
        "looking at 3 environments",
        "warning: dev has an unreadable entry", "dev",
        "warning: preprod has an unreadable entry", "preprod",
        "warning: prod has an unreadable entry", "prod",
    ]  # fmt: skip


def test_one_that_cannot_be_looked_at_hides_no_other() -> None:
    def look(_: App, environment: str) -> str:
        if environment == "dev":
            raise ServiceFailed("AWS does not answer.", remedy="Try again")
        return environment

    seen = []
    with pytest.raises(ServiceFailed, match="AWS does not answer"):
        seen.extend(abreast(FakeApp(), NAMES, look))  # extend takes what comes before the error
    assert seen == ["preprod", "prod"]


def test_a_single_environment_is_looked_at_in_sight() -> None:
    app = FakeApp()

    def look(own: App, environment: str) -> str:
        assert own is app
        return environment

    assert list(abreast(app, ["dev"], look)) == ["dev"]
