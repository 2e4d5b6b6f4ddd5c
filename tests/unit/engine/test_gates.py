"""The gates asked one by one: what they read, and what they say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from tagship.domain.deployment import Deployment, Entry, fold
from tagship.domain.freeze import Freeze, FreezeUnreadable, Frozen
from tagship.domain.mark import Mark
from tagship.domain.standing import Bad
from tagship.domain.version import ArtifactId
from tagship.engine.gates import (
    freeze_of,
    frozen_by,
    require_good,
    require_newer,
    require_unfrozen,
    warn_of_bad,
    why_bad,
)
from tagship.errors import Held, Refused
from tagship.ports.account import Window
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.freezes import FakeCalendar, FakeFreezes
from tests.fakes.ledger import FakeLedger
from tests.fakes.repository import FakeRepository

OLD, NEW = ArtifactId("0.1.29-dev"), ArtifactId("0.1.30-dev")
BUILD = ArtifactId("622d2103-20261120-115959")


@dataclass
class CountedLedger(FakeLedger):
    """A ledger that knows how often the whole of it was read."""

    read: list[str] = field(default_factory=list)

    def deployments(self, environment: str, limit: int = 0) -> list[Deployment]:
        self.read.append(environment)
        return list(super().deployments(environment, limit))


def entry(day: int, state: str, version: str, number: int = 2) -> Entry:
    id_ = f"202611{day:02}-120000-{number:06}-abcdef"
    at = f"2026-11-{day:02}T12:00:00+00:00"
    return Entry(id_, number, state, at, "hello", "dev", "deploy", version, "ada", "")


def with_ledger(*entries: Entry) -> tuple[FakeApp, CountedLedger]:
    ledger = CountedLedger(list(entries))
    return FakeApp(ledger=ledger), ledger


def publish(app: FakeApp, version: str, day: int) -> None:
    app.clock.time = datetime(2026, 11, day, 12, tzinfo=UTC)
    app.publish(version)


# -- marked bad --------------------------------------------------------------------------------------------------------


def test_a_version_that_failed_long_ago_is_found_in_the_whole_ledger() -> None:
    app, ledger = with_ledger(entry(1, "failed", NEW), entry(9, "healthy", OLD))
    publish(app, NEW, 1)
    bad = why_bad(app, "dev", NEW, fold([entry(9, "healthy", OLD)]))
    assert bad
    assert bad.how == "failed"
    assert ledger.read == ["dev"]


def test_the_whole_ledger_is_not_read_if_a_person_said_in_the_latest_deployments_that_it_is_bad() -> None:
    app, ledger = with_ledger()
    publish(app, NEW, 1)
    left = replace(entry(9, "healthy", OLD), action="rollback", replaced=NEW)
    bad = why_bad(app, "dev", NEW, fold([left]))
    assert bad
    assert bad.how == "left"
    assert ledger.read == []


@pytest.mark.parametrize("state", ["failed", "healthy", "abandoned"])
def test_whatever_else_the_latest_deployments_say_an_earlier_rollback_from_it_counts(state: str) -> None:
    left = replace(entry(1, "healthy", OLD), action="rollback", replaced=NEW)
    app, ledger = with_ledger(left, entry(9, state, NEW))
    publish(app, NEW, 1)
    bad = why_bad(app, "dev", NEW, fold([entry(9, state, NEW)]))
    assert bad
    assert bad.how == "left"
    assert ledger.read == ["dev"]


def test_the_whole_ledger_is_not_read_for_a_version_that_was_published_after_the_latest_began() -> None:
    app, ledger = with_ledger(entry(1, "failed", NEW))
    publish(app, NEW, 10)
    assert why_bad(app, "dev", NEW, fold([entry(9, "healthy", OLD), entry(11, "healthy", OLD)])) is None
    assert ledger.read == []


def test_a_version_that_was_published_as_the_first_of_them_began_is_looked_up() -> None:
    app, ledger = with_ledger(entry(1, "failed", NEW))
    publish(app, NEW, 9)
    assert why_bad(app, "dev", NEW, fold([entry(9, "healthy", OLD), entry(11, "healthy", OLD)]))
    assert ledger.read == ["dev"]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_version_that_is_not_stored_for_the_environment_is_looked_up(elsewhere: bool) -> None:
    app, ledger = with_ledger(entry(1, "failed", NEW))
    if elsewhere:
        app.publish(NEW, environment="qa")
    assert why_bad(app, "dev", NEW, fold([entry(9, "healthy", OLD)]))
    assert ledger.read == ["dev"]


def test_without_a_deployment_a_mark_alone_decides() -> None:
    app, ledger = with_ledger()
    publish(app, NEW, 10)
    assert why_bad(app, "dev", NEW, []) is None
    assert ledger.read == ["dev"]
    app.ledger.mark(Mark("1", "bad", "2026-11-10T12:00:00+00:00", "hello", "dev", NEW, "eve", "", "it is slow"))
    bad = why_bad(app, "dev", NEW, [])
    assert bad
    assert bad.how == "marked"


def test_a_mark_counts_beside_the_latest_deployments_and_beside_the_whole_ledger() -> None:
    for day in (1, 10):
        app, _ = with_ledger(entry(9, "healthy", OLD))
        publish(app, NEW, day)
        app.ledger.mark(Mark("1", "bad", "2026-11-10T12:00:00+00:00", "hello", "dev", NEW, "eve", "", "it is slow"))
        bad = why_bad(app, "dev", NEW, fold([entry(9, "healthy", OLD)]))
        assert bad
        assert bad.how == "marked"


def test_a_mark_takes_a_rollback_back_that_only_the_whole_ledger_knows_of() -> None:
    left = replace(entry(1, "healthy", OLD), action="rollback", replaced=NEW)
    app, _ = with_ledger(left, entry(9, "healthy", OLD))
    publish(app, NEW, 1)
    at = "2026-11-05T12:00:00+00:00"
    app.ledger.mark(Mark("20261105", "good", at, "hello", "dev", NEW, "eve", "", "it was the network"))
    assert why_bad(app, "dev", NEW, fold([entry(9, "healthy", OLD)])) is None


def test_a_bad_version_is_refused_with_both_ways_through() -> None:
    require_good("dev", NEW, None, "inv deploy")
    with pytest.raises(Refused) as caught:
        require_good("dev", NEW, Bad("marked", "it is slow"), "inv deploy --version 0.1.30-dev")
    assert caught.value.what == "0.1.30-dev is marked bad on dev: it is slow."
    assert caught.value.remedy == (
        "To do it anyway: inv deploy --version 0.1.30-dev --allow-bad\n"
        "       Or, if it is good after all: inv mark-good --version 0.1.30-dev --env dev --reason '…'"
    )


def test_what_is_deployed_anyway_stays_marked_if_a_person_said_so_and_that_is_said() -> None:
    app = FakeApp()
    warn_of_bad(app, "dev", NEW, None)
    warn_of_bad(app, "dev", NEW, Bad("failed", "it failed"))
    assert app.screen.lines == ["warning: 0.1.30-dev counts as bad on dev: it failed"]
    warn_of_bad(app, "dev", NEW, Bad("left", "ada rolled back from it"))
    assert app.screen.lines[1:] == [
        "warning: 0.1.30-dev is marked bad on dev: ada rolled back from it",
        "  it stays marked until: inv mark-good --version 0.1.30-dev --env dev --reason '…'",
    ]


# -- older than what runs ----------------------------------------------------------------------------------------------


def test_an_older_version_is_refused_with_the_way_back_to_it() -> None:
    with pytest.raises(Refused) as caught:
        require_newer(FakeApp(), "qa", OLD, "", NEW)
    assert caught.value.what == "0.1.29-dev is older than 0.1.30-dev, which qa runs."
    assert caught.value.remedy == (
        "To go back: inv rollback --to 0.1.29-dev --env qa\n"
        "       Or, to deploy it anyway: inv deploy --version 0.1.29-dev --env qa --allow-older"
    )
    for wanted, runs in ((NEW, OLD), (NEW, NEW), (NEW, "")):
        require_newer(FakeApp(), "qa", wanted, "", runs)


def test_a_version_is_older_than_an_untagged_build_by_its_own_manifest_s_time() -> None:
    with pytest.raises(Refused):
        require_newer(FakeApp(), "dev", NEW, "2026-11-20T11:59:58Z", BUILD)
    require_newer(FakeApp(), "dev", NEW, "2026-11-20T11:59:59Z", BUILD)


def test_an_untagged_build_is_older_if_the_version_that_runs_was_built_after_it() -> None:
    app = FakeApp()
    app.publish(NEW)  # built at 12:00:00
    with pytest.raises(Refused):
        require_newer(app, "dev", BUILD, "", NEW)
    require_newer(app, "dev", ArtifactId("622d2103-20261120-120000"), "", NEW)


def test_a_build_time_is_not_known_without_a_manifest_that_is_believed() -> None:
    app = FakeApp()
    require_newer(app, "dev", BUILD, "", NEW)
    app.publish(NEW, signed=False)
    require_newer(app, "dev", BUILD, "", NEW)


def test_the_manifest_of_what_runs_is_read_only_if_the_order_is_not_known_without_it() -> None:
    app = FakeApp()
    app.publish(OLD)
    app.store.get = lambda key: pytest.fail(f"{key} was read")  # type: ignore[method-assign]
    require_newer(app, "dev", NEW, "", OLD)
    app.given["repository"] = FakeRepository()
    require_newer(app, "dev", ArtifactId("622d2103-20261120-120000"), "", BUILD)


@pytest.mark.parametrize("later", ["20261120-120000", "20261120-115900"])
def test_of_two_untagged_builds_the_history_decides_and_not_the_clocks_of_who_committed(later: str) -> None:
    app = FakeApp(given={"repository": (repository := FakeRepository())})
    first, second = (repository.commit(subject)[:8] for subject in ("First", "Second"))
    runs, wanted = ArtifactId(f"{first}-20261120-120000"), ArtifactId(f"{second}-{later}")
    require_newer(app, "dev", wanted, "", runs)
    with pytest.raises(Refused, match=f"{runs} is older than {wanted}, which dev runs"):
        require_newer(app, "dev", runs, "", wanted)


def test_of_two_untagged_builds_whose_history_is_not_here_the_times_decide() -> None:
    app = FakeApp(given={"repository": Nowhere()})
    require_newer(app, "dev", ArtifactId("622d2103-20261120-120000"), "", BUILD)
    with pytest.raises(Refused):
        require_newer(app, "dev", BUILD, "", ArtifactId("622d2103-20261120-120000"))


class Nowhere(FakeRepository):
    """Git is asked outside of any clone."""

    def is_ancestor(self, commit: str, of: str) -> bool:
        raise Refused("This is no Git repository.", remedy="Go to one.")


# -- frozen -----------------------------------------------------------------------------------------------------------


class Unreadable(FakeFreezes):
    """A freeze that is there, and that nobody can read."""

    def look(self, environment: str) -> Frozen | None:
        raise FreezeUnreadable(environment, "half of it")


def test_who_froze_it_is_told_while_it_lasts_and_that_it_cannot_be_read_too() -> None:
    app = FakeApp()
    assert (frozen_by(app, "dev"), freeze_of(app, "dev")) == ("", None)
    app.freezes.write(Freeze("dev", "2026-11-20T13:00:00+00:00", "the sale", "eve", "2026-11-20T12:00:00+00:00"), "")
    assert frozen_by(app, "dev") == "dev is frozen until 2026-11-20 13:00 UTC by eve: the sale"
    with pytest.raises(Held) as caught:
        require_unfrozen(app, "dev")
    assert caught.value.what == "dev is frozen until 2026-11-20 13:00 UTC by eve: the sale."
    assert caught.value.remedy == "Wait for its end, or agree with eve and: inv thaw --env dev"
    app.clock.advance(3600)
    assert frozen_by(app, "dev") == ""
    require_unfrozen(app, "dev")
    app.freezes = Unreadable(app.clock)
    assert frozen_by(app, "dev") == "The freeze of dev cannot be read (half of it)"


# -- the change calendar -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "until"),
    [(datetime(2026, 11, 21, 8, tzinfo=UTC), " until 2026-11-21 08:00 UTC"), (None, "")],
)
def test_a_closed_calendar_says_until_when_if_that_is_known(changes: datetime | None, until: str) -> None:
    app = FakeApp(settings=settings(environments=environments(change_calendar="holidays")), calendar=FakeCalendar())
    app.calendar.windows["holidays"] = Window(open=False, changes=changes)
    with pytest.raises(Held) as caught:
        require_unfrozen(app, "dev")
    assert caught.value.what == f"The change calendar holidays is closed for dev{until}."
    look = "aws ssm get-calendar-state --calendar-names holidays --region us-east-1"
    assert caught.value.remedy == f"Deploy when it is open: {look}"
