"""The ledger's entries of one deployment: what each has, in which order, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tagship.domain.deployment import Entry
from tagship.domain.lease import LeaseRecord, Seen
from tagship.domain.plan import Plan
from tagship.domain.units import Operation, Report, Unit
from tagship.domain.version import ArtifactId
from tagship.engine.predecessor import Predecessor
from tagship.engine.recorder import Recorder, abandon
from tagship.errors import ServiceFailed
from tests.fakes.app import FakeApp

OLD, NEW = ArtifactId("0.1.29-dev"), ArtifactId("0.1.30-dev")
HOSTS = tuple(Unit(f"i-{number}", f"web-{number}", True, noun="host") for number in (1, 2, 3))
PLAN = Plan("rollback", "dev", NEW, "0" * 64, HOSTS[:1], {}, OLD)
ID = "20261120-120000-000007-abcdef"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUN = "https://github.com/o/r/actions/runs/1"


def an_app() -> FakeApp:
    return FakeApp(run_url=RUN)


def recorded(app: FakeApp, plan: Plan = PLAN, **details: object) -> Entry:
    Recorder(app, plan, ID, 7).add("healthy", **details)  # type: ignore[arg-type]
    return app.ledger.entries[-1]


def test_an_entry_has_who_where_when_and_what_of_what() -> None:
    assert recorded(an_app(), reason="because") == Entry(
        deployment_id=ID,
        number=1,
        state="healthy",
        at="2026-11-20T12:00:00.000+00:00",
        app="hello",
        environment="dev",
        action="rollback",
        artifact_id=NEW,
        who="ada@laptop",
        where=RUN,
        replaced=OLD,
        fence=7,
        reason="because",
        details={},
        by="arn:aws:iam::123456789012:user/ada",
    )


def test_entries_are_numbered_on_from_another_runners() -> None:
    app = an_app()
    record = Recorder(app, PLAN, ID, 7, 2)
    record.add("started")
    record.add("healthy")
    assert [(one.number, one.state, one.reason) for one in app.ledger.entries] == [
        (3, "started", ""),
        (4, "healthy", ""),
    ]


def test_what_it_replaces_is_the_plans_word_unless_hosts_said_another_and_never_itself() -> None:
    assert recorded(an_app()).replaced == OLD
    assert recorded(an_app(), replaced="0.1.7-dev").replaced == "0.1.7-dev"
    assert recorded(an_app(), replace(PLAN, replaces=NEW)).replaced == ""


def test_details_that_say_nothing_are_left_out() -> None:
    assert recorded(an_app(), seconds=1.5, stragglers=[], evidence="", gone=["i-9"]).details == {
        "seconds": 1.5,
        "gone": ["i-9"],
    }


def test_what_is_special_about_a_deployment_is_in_each_of_its_entries() -> None:
    plan = replace(PLAN, unsigned=True, all_or_nothing=True, skipped=HOSTS[2:])
    assert recorded(an_app(), plan).details == {"unsigned": True, "all_or_nothing": True, "skipped": ["i-3"]}


def test_a_units_verdict_is_kept_whole_but_for_its_evidence_and_every_unit_by_its_name() -> None:
    words = ("i-1", "healthy", NEW, NEW, OLD, "fine", "a log", {"start": 1.0}, {"status": 200}, (OLD,))
    report = Report(*words, unsigned=True, facts={"disk": "90"})
    entry = recorded(an_app(), replace(PLAN, others=HOSTS[1:2], skipped=HOSTS[2:]), units=[report])
    assert entry.details["units"] == [
        {
            "unit": "i-1",
            "outcome": "healthy",
            "artifact_id": NEW,
            "serving": NEW,
            "previous": OLD,
            "reason": "fine",
            "durations": {"start": 1.0},
            "health": {"status": 200},
            "unsigned": True,
        }
    ]
    assert entry.details["names"] == {"i-1": "web-1", "i-2": "web-2", "i-3": "web-3"}


def seen_by(fence: int, *operations: str) -> Seen:
    """The lease of ID, as it was 40 s after its last heartbeat."""
    record = LeaseRecord("dev", fence, "run 4711", ID, RUN, "deploy 0.1.30-dev: the hosts act", operations)
    return Seen(record, "etag", NOON, NOON + timedelta(seconds=40))


@pytest.mark.parametrize(
    ("forced", "reason"),
    [
        (True, "taken over by ada@laptop (deployment the-next) with --preempt"),
        (False, "its runner died, and nobody resumed it before deployment the-next"),
    ],
)
def test_the_end_of_whoever_lost_the_lease_says_who_took_it_and_what_was_on_its_way(forced: bool, reason: str) -> None:
    app = an_app()
    Recorder(app, PLAN, ID, 7).add("requested")
    [dead] = app.ledger.deployments("dev")
    going = (
        Operation("1", "SSM command 1", "deploy", "0.1.30-dev", ("i-1", "i-2"), running=False),
        Operation("2", "SSM command 2", "deploy", "0.1.30-dev", ("i-9",)),
    )
    names = {unit.id: unit.name for unit in HOSTS}
    before = Predecessor(seen_by(7, "SSM command 0", "SSM command 1"), forced, going, names)
    abandon(app, dead, "the-next", 8, before)
    last = app.ledger.entries[-1]
    assert last.reason == reason
    assert last.details["evidence"].splitlines() == [
        "run 4711: deploy 0.1.30-dev: the hosts act, last heartbeat 40 s ago",
        "SSM command 1 (deploy 0.1.30-dev on web-1, web-2): in flight then; it has ended",
        "SSM command 2 (deploy 0.1.30-dev on i-9): in flight then, and a minute later",
        "SSM command 0: it had ended before",
    ]


def test_an_earlier_deployment_than_the_one_that_held_the_lease_was_not_taken_over() -> None:
    app = an_app()
    Recorder(app, PLAN, "20261119-120000-000006-abcdef", 6).add("requested")
    [dead] = app.ledger.deployments("dev")
    abandon(app, dead, "the-next", 8, Predecessor(seen_by(7), forced=True))
    last = app.ledger.entries[-1]
    assert last.reason == "its runner died, and nobody resumed it before deployment the-next"
    assert last.details == {}


def test_that_hosts_act_is_recorded_once_with_the_first_operations() -> None:
    app = an_app()
    record = Recorder(app, PLAN, ID, 7)
    record.started(("SSM command 1",))
    record.started(("SSM command 2",))
    [entry] = app.ledger.entries
    assert (entry.state, entry.details) == ("started", {"operations": ["SSM command 1"]})


def test_a_start_that_cannot_be_recorded_is_a_warning_that_names_the_deployment() -> None:
    app = an_app()

    def down(_: Entry) -> None:
        raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")

    app.ledger.before = down
    record = Recorder(app, PLAN, ID, 7)
    record.started(["SSM command 1"])
    assert app.screen.warnings == [f"the ledger could not record that {ID} has started: AWS cannot be reached."]


@pytest.mark.parametrize(
    ("unreadable", "number", "why"),
    [
        ([], 3, "its runner died, and nobody resumed it"),
        ([f"hello/_ledger/dev/{ID}/5-healthy.json"], 6, "its end can't be read"),
    ],
)
def test_a_dead_deployment_is_recorded_as_abandoned_by_whoever_comes_after_it(
    unreadable: list[str], number: int, why: str
) -> None:
    app = an_app()
    record = Recorder(app, PLAN, ID, 7)
    record.add("requested")
    record.started(["SSM command 1"])
    app.ledger.unreadable = lambda environment: unreadable if environment == "dev" else ()  # type: ignore[method-assign]
    app.clock.advance(61)
    later = replace(app, who="grace@desk", run_url=f"{RUN}2")
    [dead] = app.ledger.deployments("dev")
    abandon(later, dead, "20261120-120101-000008-abcdef", 8)
    assert app.ledger.entries[-1] == replace(
        dead.last,
        number=number,
        state="abandoned",
        at="2026-11-20T12:01:01.000+00:00",
        who="grace@desk",
        where=f"{RUN}2",
        fence=8,
        reason=f"{why} before deployment 20261120-120101-000008-abcdef",
        details={},
        by="arn:aws:iam::123456789012:user/ada",
    )
