"""The leases over a bucket in memory: every word of who holds what, and how often a lost race is run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tagship.adapters.bucket.leases import ROUNDS, StoredLeases
from tagship.domain.lease import LeaseHeld, LeaseRecord, LeaseUnreadable
from tagship.errors import LeaseLost, Refused, ServiceFailed, TagshipError
from tagship.ports.bucket import Conflict
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore

KEY = "hello/_lease/dev.json"
LOOK = "Look again: inv lock --env dev"
RUN = "https://github.com/o/r/actions/runs/1"


def bucket() -> tuple[MemoryStore, StoredLeases]:
    store = MemoryStore(clock=FakeClock())
    return store, StoredLeases(store, "hello")


def take(leases: StoredLeases, deployment: str = "mine", holder: str = "ada@laptop", url: str = "") -> LeaseRecord:
    return leases.take("dev", holder=holder, deployment_id=deployment, run_url=url, ttl=120)


def said(kind: type[TagshipError], act: Callable[[], object]) -> tuple[str, str, str]:
    """What is wrong, how things are, and the next command."""
    with pytest.raises(kind) as caught:
        act()
    return caught.value.what, caught.value.state, caught.value.remedy


def always_beaten(store: MemoryStore) -> list[str]:
    """Another writer comes first at every write; the verbs of the writes that lose."""
    lost: list[str] = []

    def beaten(verb: str, key: str) -> None:
        lost.append(verb)
        raise Conflict(key)

    store.before = beaten
    return lost


def away(*_: object) -> None:
    raise ServiceFailed("AWS cannot be reached.", remedy="Wait.")


# -- who holds it ------------------------------------------------------------------------------------------------------


def test_who_holds_it_since_when_what_they_do_and_how_to_go_on_is_said() -> None:
    _, leases = bucket()
    take(leases, url=RUN)
    assert said(LeaseHeld, lambda: take(leases, "hers")) == (
        f"ada@laptop has held dev since 2026-11-20 12:00 UTC (getting ready, last heartbeat just now, {RUN}).",
        "Nothing was changed.",
        "Wait for it with --wait 10m; or, if it has died: inv unlock --env dev --id mine",
    )


def test_a_holder_without_a_run_and_without_a_time_is_said_in_fewer_words() -> None:
    store, leases = bucket()
    record = replace(take(leases), taken_at="")
    store.replace(KEY, record.to_json(), store.objects[KEY].etag)
    what, _, _ = said(LeaseHeld, lambda: take(leases, "hers"))
    assert what == "ada@laptop has held dev (getting ready, last heartbeat just now)."


def test_who_meets_a_held_lease_is_given_what_was_read_of_it() -> None:
    _, leases = bucket()
    record = take(leases)
    with pytest.raises(LeaseHeld) as caught:
        take(leases, "hers")
    assert caught.value.seen.record == record


@pytest.mark.parametrize(
    ("holder", "who"),
    [("eve@desk", "eve@desk holds it now (deployment hers)"), ("", "nobody holds it now")],
)
def test_who_has_lost_it_is_told_to_whom(holder: str, who: str) -> None:
    _, leases = bucket()
    mine = take(leases)
    leases.break_("dev", "mine")
    if holder:
        take(leases, "hers", holder)
    assert said(LeaseLost, lambda: leases.renew(mine, phase="on")) == (
        f"This deployment lost the lease of dev: {who}.",
        "This deployment stopped before its next action.",
        "See what runs and who holds it: inv status --env dev",
    )


def test_a_lease_object_that_is_gone_is_nobodys() -> None:
    store, leases = bucket()
    mine = take(leases)
    del store.objects[KEY]
    what, _, _ = said(LeaseLost, lambda: leases.renew(mine, phase="on"))
    assert what == "This deployment lost the lease of dev: nobody holds it now."
    leases.release(mine)
    leases.let_go(mine)
    assert store.objects == {}


# -- broken by hand ----------------------------------------------------------------------------------------------------


def test_breaking_what_nobody_holds_says_so() -> None:
    _, leases = bucket()
    wanted = ("Nobody holds dev.", "Nothing was changed.", LOOK)
    assert said(Refused, lambda: leases.break_("dev", "mine")) == wanted
    leases.release(take(leases))
    assert said(Refused, lambda: leases.break_("dev", "mine")) == wanted


def test_breaking_another_deployments_lease_names_the_one_that_holds_it() -> None:
    _, leases = bucket()
    take(leases)
    assert said(Refused, lambda: leases.break_("dev", "hers")) == (
        "dev is held by ada@laptop for deployment mine, not hers.",
        "Nothing was changed.",
        LOOK,
    )


def test_a_lease_that_is_renewed_while_it_is_broken_is_alive() -> None:
    store, leases = bucket()
    mine = take(leases)

    def beat(verb: str, key: str) -> None:
        store.before = lambda _verb, _key: None
        leases.renew(mine, phase="on")

    store.before = beat
    assert said(Refused, lambda: leases.break_("dev", "mine")) == (
        "The lease of dev has just changed: deployment mine is alive.",
        "Nothing was changed.",
        LOOK,
    )
    assert leases.renew(mine, phase="on").holder == "ada@laptop"


# -- damaged -----------------------------------------------------------------------------------------------------------


def test_a_damaged_lease_is_named_with_its_environment_and_the_command_that_mends_it() -> None:
    store, leases = bucket()
    store.create(KEY, b"{")
    with pytest.raises(LeaseUnreadable) as caught:
        leases.look("dev")
    assert caught.value.what.startswith("The lease of dev cannot be read (")
    assert caught.value.remedy == (
        f"If nobody deploys to dev, write it again: inv unlock --env dev --id {caught.value.id}"
    )


def test_a_later_tagships_lease_is_named_with_its_schema() -> None:
    store, leases = bucket()
    store.create(KEY, b'{"schema": 99}')
    what, _, _ = said(LeaseUnreadable, lambda: take(leases))
    assert what == "The lease of dev cannot be read (schema 99)."


@pytest.mark.parametrize("damage", ["", "damaged-000000000000"])
def test_what_is_not_damaged_as_was_said_is_not_mended(damage: str) -> None:
    store, leases = bucket()
    changed = ("The lease of dev has changed since it was read.", "Nothing was changed.", LOOK)
    assert said(Refused, lambda: leases.mend("dev", damage)) == changed
    mine = take(leases)
    assert said(Refused, lambda: leases.mend("dev", damage)) == changed
    leases.renew(mine, phase="on")
    store.objects[KEY] = replace(store.objects[KEY], body=b'{"schema": 99}')
    assert said(Refused, lambda: leases.mend("dev", damage)) == changed


def test_damage_that_somebody_else_mends_first_is_not_mended_twice() -> None:
    store, leases = bucket()
    store.create(KEY, b'{"fence": 41')
    with pytest.raises(LeaseUnreadable) as caught:
        leases.look("dev")
    lost = always_beaten(store)
    what, _, _ = said(Refused, lambda: leases.mend("dev", caught.value.id))
    assert (what, lost) == ("The lease of dev has changed since it was read.", ["replace"])


# -- lost races --------------------------------------------------------------------------------------------------------


def test_a_taking_that_always_loses_ends_and_says_so() -> None:
    store, leases = bucket()
    leases.release(take(leases))
    lost = always_beaten(store)
    assert said(ServiceFailed, lambda: take(leases, "hers")) == (
        "Could not take the lease of dev: others changed it during all 10 attempts.",
        "Nothing was changed.",
        "Run the same command again\n       Or see who holds it now: inv lock --env dev",
    )
    assert lost == ["replace"] * ROUNDS


def test_a_release_that_always_loses_ends_and_says_that_it_expires() -> None:
    store, leases = bucket()
    mine = take(leases)
    lost = always_beaten(store)
    assert said(ServiceFailed, lambda: leases.release(mine)) == (
        "Could not release the lease of dev: it changed during all 10 attempts.",
        "It expires by itself within 120 s.",
        "See who holds it: inv lock --env dev",
    )
    assert lost == ["replace"] * ROUNDS


def test_a_renewal_that_always_loses_is_a_lost_lease() -> None:
    store, leases = bucket()
    mine = take(leases)
    lost = always_beaten(store)
    what, _, _ = said(LeaseLost, lambda: leases.renew(mine, phase="on"))
    assert what == "This deployment lost the lease of dev: ada@laptop holds it now (deployment mine)."
    assert lost == ["replace"] * (ROUNDS + 1)


def test_a_lease_object_that_is_deleted_as_it_is_made_is_said_to_be() -> None:
    store, leases = bucket()
    store.get = lambda _: None  # type: ignore[method-assign]
    assert said(ServiceFailed, lambda: take(leases)) == (
        "The lease object of dev disappeared while this deployment took it.",
        "Nothing was changed.",
        "Find out who deletes from the bucket, then: inv lock --env dev",
    )


def test_a_first_taking_that_meets_another_first_taking_is_judged_by_what_that_wrote() -> None:
    store, leases = bucket()

    def first(verb: str, key: str) -> None:
        store.before = lambda _verb, _key: None
        take(StoredLeases(store, "hello"), "hers", "eve@desk")

    store.before = first
    what, _, _ = said(LeaseHeld, lambda: take(leases))
    assert what.startswith("eve@desk has held dev")


# -- a store that does not answer --------------------------------------------------------------------------------------


def test_a_taking_that_the_store_did_not_take_fails_as_the_store_does() -> None:
    store, leases = bucket()
    leases.release(take(leases))
    store.before = away
    assert said(ServiceFailed, lambda: take(leases))[0] == "AWS cannot be reached."


def test_a_taking_after_which_the_object_is_gone_fails_as_the_store_does() -> None:
    store, leases = bucket()
    leases.release(take(leases))

    def lose(verb: str, key: str) -> None:
        del store.objects[key]
        away()

    store.after = lose
    assert said(ServiceFailed, lambda: take(leases))[0] == "AWS cannot be reached."


@pytest.mark.parametrize("lost", ["conflict", "no answer"])
def test_a_taking_known_by_reading_back_is_renewed_and_given_back_like_any_other(lost: str) -> None:
    store, leases = bucket()
    leases.release(take(leases))

    def unheard(verb: str, key: str) -> None:
        store.after = lambda _verb, _key: None
        if lost == "conflict":
            raise Conflict(key)
        away()

    store.after = unheard
    mine = take(leases)
    assert mine.holder == "ada@laptop"
    reads = counted_reads(store)
    leases.renew(mine, phase="on")
    assert reads == []
    leases.release(leases.renew(mine, phase="on"))
    assert take(leases, "hers").fence == mine.fence + 1


def counted_reads(store: MemoryStore) -> list[str]:
    reads: list[str] = []
    get = store.get
    store.get = lambda key: (reads.append(key), get(key))[1]  # type: ignore[method-assign]
    return reads


def test_a_heartbeat_is_one_write_and_no_reading() -> None:
    store, leases = bucket()
    record = take(leases)
    reads, writes = counted_reads(store), len(store.writes)
    for number in range(3):
        record = leases.renew(record, phase="on", operations=[f"c-{number}"])
    assert (reads, len(store.writes) - writes) == ([], 3)
    seen = leases.look("dev")
    assert seen is not None
    assert seen.record == record
    assert (record.phase, record.operations, record.beats) == ("on", ("c-2",), 3)


def test_who_has_written_nothing_yet_renews_by_reading_first() -> None:
    store, leases = bucket()
    assert StoredLeases(store, "hello").renew(take(leases), phase="on").beats == 1


def test_a_renewal_of_an_older_record_keeps_its_phase_and_operations_in_the_bucket() -> None:
    _, leases = bucket()
    first = take(leases)
    leases.renew(first, phase="sending", operations=["c-1"])
    leases.renew(first, phase="on", operations=["c-2"])
    seen = leases.look("dev")
    assert seen is not None
    assert (seen.record.phase, seen.record.operations, seen.record.beats) == ("on", ("c-2",), 2)


# -- interrupted -------------------------------------------------------------------------------------------------------


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_before_it_is_taken_leaves_another_holders_lease_alone() -> None:
    store, leases = bucket()
    take(leases, "hers", "eve@desk")
    dead = StoredLeases(store, "hello")
    store.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        dead.take("dev", holder="ada@laptop", run_url="", ttl=120, over="hers", living=True)
    store.before = lambda _verb, _key: None
    seen = leases.look("dev")
    assert seen is not None
    assert (seen.record.holder, seen.record.deployment_id) == ("eve@desk", "hers")


def test_ctrl_c_before_the_object_exists_leaves_nothing() -> None:
    store, leases = bucket()
    store.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        take(leases)
    assert store.objects == {}


def test_ctrl_c_that_cannot_be_undone_is_still_ctrl_c() -> None:
    store, leases = bucket()
    leases.release(take(leases))

    def then_away(verb: str, key: str) -> None:
        store.before = away
        interrupt()

    store.after = then_away
    with pytest.raises(KeyboardInterrupt):
        take(leases)
    assert leases.look("dev") is not None


# -- what is written ---------------------------------------------------------------------------------------------------


def test_the_record_has_who_where_since_when_and_for_how_long() -> None:
    _, leases = bucket()
    mine = leases.take("dev", holder="ada@laptop", deployment_id="mine", run_url=RUN, ttl=90, above=6)
    assert replace(mine, taking="") == LeaseRecord(
        "dev", 7, "ada@laptop", "mine", RUN, "getting ready", (), 90, "2026-11-20T12:00:00+00:00"
    )
    assert len(bytes.fromhex(mine.taking)) == 8


def test_no_two_takings_are_alike() -> None:
    _, leases = bucket()
    takings = set()
    for _ in range(3):
        mine = take(leases)
        takings.add(mine.taking)
        leases.release(mine)
    assert len(takings) == 3


def test_what_is_read_has_the_stores_times() -> None:
    clock = FakeClock()
    leases = StoredLeases(MemoryStore(clock=clock), "hello")
    take(leases)
    clock.advance(30)
    seen = leases.look("dev")
    assert seen is not None
    assert (seen.written, seen.now) == (
        datetime(2026, 11, 20, 12, tzinfo=UTC),
        datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC),
    )


# -- what the contract asks of every store, here at once ---------------------------------------------------------------


def test_a_first_taking_without_an_id_has_the_first_number_and_an_id_of_the_stores_time() -> None:
    _, leases = bucket()
    mine = leases.take("dev", holder="ada@laptop", run_url="", ttl=120)
    assert (mine.fence, mine.deployment_id[:15]) == (1, "20261120-120000")


def test_a_living_holder_is_fenced_off_only_if_that_is_said() -> None:
    _, leases = bucket()
    take(leases)
    with pytest.raises(LeaseHeld):
        leases.take("dev", holder="eve@desk", run_url="", ttl=120, over="mine")
    assert leases.take("dev", holder="eve@desk", run_url="", ttl=120, over="mine", living=True).fence == 2


def test_ctrl_c_just_after_it_was_taken_gives_it_back() -> None:
    store, leases = bucket()
    leases.release(take(leases))
    store.after = lambda _verb, _key: once(store)
    with pytest.raises(KeyboardInterrupt):
        take(leases)
    assert take(leases, "hers").fence == 3


def once(store: MemoryStore) -> None:
    store.after = lambda _verb, _key: None
    raise KeyboardInterrupt


def test_a_lease_that_is_let_go_has_expired_in_its_holders_name() -> None:
    _, leases = bucket()
    leases.let_go(take(leases))
    seen = leases.look("dev")
    assert seen is not None
    assert (seen.expired, seen.record.holder, seen.record.phase) == (True, "ada@laptop", "interrupted: getting ready")


def test_a_damaged_lease_is_mended_to_a_free_one_that_keeps_its_number() -> None:
    store, leases = bucket()
    store.create(KEY, b'{"fence": 41')
    with pytest.raises(LeaseUnreadable) as caught:
        leases.look("dev")
    leases.mend("dev", caught.value.id)
    seen = leases.look("dev")
    assert seen is not None
    assert seen.record == LeaseRecord("dev", 41)


def test_a_lease_of_a_group_is_said_to_hold_the_others_with_it() -> None:
    leases = StoredLeases(MemoryStore(clock=FakeClock()), "hello", lambda _: "all")
    take(leases)
    with pytest.raises(LeaseHeld) as caught:
        leases.take("prod", holder="eve@desk", run_url="", ttl=120)
    assert caught.value.what.startswith("ada@laptop has held dev (and with it prod, of the same lease group) since")
