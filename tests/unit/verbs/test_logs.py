"""logs: which units and which time are meant, what is shown, and what a poll that fails means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tagship.domain.logs import LogLine
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.verbs.deploy import deploy
from tagship.verbs.logs import EVERY, logs
from tests.fakes.app import FakeApp
from tests.fakes.target import FakeTarget, machine

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def line(text: str, unit: str = "web-1", seconds: float = 0, id_: str = "") -> LogLine:
    return LogLine(AT + timedelta(seconds=seconds), unit, text, id_ or text)


def app(*polls: list[LogLine] | ServiceFailed) -> FakeApp:
    return FakeApp(hosts=FakeTarget([machine("web-1"), machine("web-2")], written=list(polls)))


def test_each_line_has_its_time_its_unit_and_its_words() -> None:
    place = app([line("hello"), line("GET /", "web-2", 1), LogLine(None, "web-1", "untimed")])
    shown = logs(place)
    assert place.screen.lines == [
        "2026-11-20 12:00:00  web-1  hello",
        "2026-11-20 12:00:01  web-2  GET /",
        "web-1  untimed",
    ]
    assert shown.as_data()[0] == {"at": "2026-11-20T12:00:00+00:00", "unit": "web-1", "text": "hello"}


def test_units_are_chosen_by_name_or_id_and_a_wrong_one_is_named() -> None:
    place = app([])
    logs(place, unit="web-2")
    logs(place, unit=f"{place.hosts.machines[0].unit.id},web-2")
    assert [names for names, _ in place.hosts.windows] == [["web-2"], ["web-1", "web-2"]]
    with pytest.raises(UsageError, match="There is no host 'web-3'") as refused:
        logs(place, unit="web-3")
    assert refused.value.remedy == "Name one: --unit web-2"


def test_the_last_ten_minutes_are_asked_for_and_nothing_is_said_as_such() -> None:
    place = app([])
    logs(place)
    [(_, window)] = place.hosts.windows
    assert (window.since, window.until) == (place.clock.now() - timedelta(minutes=10), None)
    assert place.screen.lines[-1].startswith("Nothing was written since ")


@pytest.mark.parametrize("since", ["soon", "2099-01-01"])
def test_a_time_that_can_t_be_is_refused(since: str) -> None:
    with pytest.raises(UsageError, match="Invalid --since"):
        logs(app([]), since=since)


def test_what_could_not_be_read_is_a_warning_once() -> None:
    place = app([line("hello")])
    place.hosts.said = "web-2 was not read: it is off"
    logs(place)
    assert place.screen.warnings == ["web-2 was not read: it is off"]


def test_a_deployment_is_the_time_that_it_took() -> None:
    place = app([])
    place.publish("0.1.0-dev")
    place.hosts.during = lambda _: place.clock.advance(7)
    deploy(place, artifact="0.1.0-dev")
    [entry] = place.ledger.deployments("dev")
    logs(place, deployment=entry.id)
    [(_, window)] = place.hosts.windows
    assert window.since == datetime.fromisoformat(entry.first.at)
    assert window.until == datetime.fromisoformat(entry.last.at) + timedelta(seconds=30)
    for wrong in ({"since": "1h"}, {"follow": True}):
        with pytest.raises(UsageError):
            logs(place, deployment=entry.id, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="There is no deployment 'x'"):
        logs(place, deployment="x")


class Enough(Exception):
    """A test has seen what it wants."""


def followed(place: FakeApp, rounds: int) -> None:
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == rounds:
            raise Enough

    place.clock.sleep = sleep  # type: ignore[method-assign]
    with pytest.raises(Enough):
        logs(place, follow=True)
    assert sleeps == [EVERY] * rounds


def test_follow_shows_each_line_once_and_a_late_one_too() -> None:
    first, late = [line("a"), line("b", seconds=70)], line("late", "web-2", 65)
    place = app(first, [*first[1:], late], [late, line("c", seconds=90)])
    followed(place, 3)
    assert [text.rsplit("  ", 1)[1] for text in place.screen.lines] == ["a", "b", "late", "c"]
    assert [window.since for _, window in place.hosts.windows][1:] == [AT + timedelta(seconds=10)] * 2


def test_follow_goes_on_after_a_poll_that_failed_and_not_if_the_first_fails() -> None:
    broken = ServiceFailed("AWS failed with 500.", remedy="Wait")
    place = app([line("a")], broken, broken, [line("a"), line("b")])
    followed(place, 4)
    assert place.screen.warnings == ["AWS failed with 500"]
    assert [text.rsplit("  ", 1)[1] for text in place.screen.lines if "warning" not in text] == ["a", "b"]
    with pytest.raises(ServiceFailed):
        logs(app(broken), follow=True)


class Mute(FakeTarget):
    """A kind whose log nobody can read."""

    log = None  # type: ignore[assignment]


def test_a_kind_without_a_log_says_so() -> None:
    with pytest.raises(Refused, match="A host has no log that tagship can read"):
        logs(FakeApp(hosts=Mute()))
