"""The lease beside a pure model of what it promises, step by step, with crashes at every write.

The model knows nothing of ETags: whose turn it is, until when, and the highest number. A crash is a process that dies
before its write, after it, or does not hear the answer; it never comes back, or comes back and believes what it knew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tagship.adapters.bucket.leases import StoredLeases
from tagship.domain.lease import LeaseRecord
from tagship.errors import Held, LeaseLost, Refused, ServiceFailed
from tagship.ports.bucket import Conflict
from tests.fakes.clock import FakeClock
from tests.fakes.store import MemoryStore
from tests.faults.conftest import counted

TTL = 60
WHO = st.integers(0, 3)
CRASHES = st.sampled_from(["before", "after", "answer lost", "conflict after"])


class Died(BaseException):
    """The process is gone: nothing of it runs on, not even its way out."""


@dataclass
class Model:
    """What must be true of the lease. `holder` is who took it last and has not given it back; None: nobody."""

    holder: int | None = None
    fence: int = 0
    until: float = 0.0


class Leases(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(clock=self.clock)
        self.model = Model()
        self.runners = [StoredLeases(self.store, "hello") for _ in range(4)]
        self.mine: dict[int, LeaseRecord] = {}  # what each process believes
        self.seconds = 0.0
        self.orders: list[int] = []  # fencing numbers that the hosts took

    # -- what happens --------------------------------------------------------------------------------------------------

    @rule(who=WHO, preempts=st.booleans(), names=st.booleans())
    def take(self, who: int, preempts: bool, names: bool) -> None:
        """`names`: whoever takes it has looked whose it is, as taking a dead one over and fencing off both need."""
        seen = self.runners[who].look("dev")
        over = seen.record.deployment_id if seen and names else ""
        free = self.model.holder is None or (bool(over) and (preempts or self.seconds >= self.model.until))
        try:
            record = self._take(who, over, preempts)
        except Held:
            assert not free
            return
        assert free, f"{who} was let in beside {self.model.holder}"
        assert record.fence == self.model.fence + 1
        self._has(who, record)

    @rule(who=WHO)
    def resume(self, who: int) -> None:
        """A dead deployment goes on in another process, under the same id: the first one is not let on by that."""
        seen = self.runners[who].look("dev")
        dead = seen.record.deployment_id if seen else ""
        if not dead:
            return
        try:
            record = self._take(who, dead, False, dead)
        except Held:
            assert self.seconds < self.model.until
            return
        assert self.seconds >= self.model.until
        assert (record.deployment_id, record.fence) == (dead, self.model.fence + 1)
        self._has(who, record)

    @rule(who=WHO, preempts=st.booleans())
    def take_over_while_its_heart_beats(self, who: int, preempts: bool) -> None:
        """A holder that was thought dead renews, in the same words, between the look at its lease and the write."""
        holder = self.model.holder
        if holder is None or holder not in self.mine or not self._holds(holder):
            return
        seen = self.runners[who].look("dev")
        assert seen
        record = self.mine[holder]

        def beat(_verb: str, _key: str) -> None:
            self._calm()
            self.mine[holder] = self.runners[holder].renew(record, phase="same")

        beats = preempts or self.seconds >= self.model.until
        self.store.before = beat if beats else self.store.before
        try:
            taken = self._take(who, seen.record.deployment_id, preempts)
        except Held:
            assert not preempts
            self.model.until = self.seconds + TTL if beats else self.model.until
        else:
            assert preempts, "a living holder lost its lease to one that took it for dead"
            self._has(who, taken)
        self._calm()

    @rule(who=WHO, times=st.integers(1, 3))
    def renew(self, who: int, times: int) -> None:
        if who not in self.mine:
            return
        for _ in range(times):
            try:
                self.mine[who] = self.runners[who].renew(self.mine[who], phase="same")
            except LeaseLost:
                assert not self._holds(who)
                del self.mine[who]
                return
            assert self._holds(who), "a lease that was lost was renewed"
            self.model.until = self.seconds + TTL

    @rule(who=WHO)
    def release(self, who: int) -> None:
        if who in self.mine:
            held = self._holds(who)
            self.runners[who].release(self.mine.pop(who))
            if held:
                self.model.holder = None

    @rule(who=WHO)
    def release_while_its_heart_beats(self, who: int) -> None:
        """The heartbeat's write comes between the reading and the writing of the release."""
        if who not in self.mine or not self._holds(who):
            return
        record, runner = self.mine.pop(who), self.runners[who]

        def beat(_verb: str, _key: str) -> None:
            self.store.before = lambda _v, _k: None
            runner.renew(record, phase="late")

        self.store.before = beat
        runner.release(record)
        self.model.holder = None

    @rule(seconds=st.sampled_from([1, 25, 59, 61, 3600]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.seconds += seconds

    @rule(who=WHO)
    def order(self, who: int) -> None:
        """A process that believes it has the lease tells the hosts something; hosts know fencing numbers alone."""
        if who in self.mine and self.mine[who].fence >= max(self.orders, default=0):
            self.orders.append(self.mine[who].fence)

    @precondition(lambda self: self.model.holder is not None)
    @rule()
    def unlock(self) -> None:
        seen = self.runners[0].look("dev")
        assert seen
        try:
            self.runners[0].break_("dev", "somebody-else")
        except Refused:
            self.runners[0].break_("dev", seen.record.deployment_id)
            self.model.holder = None
        else:
            raise AssertionError("a lease was broken by another's id")

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    @rule(who=WHO, how=CRASHES)
    def crash_while_taking(self, who: int, how: str) -> None:
        was_free = self.model.holder is None
        self._play(how)
        try:
            record = self._take(who, "", False)
        except (Held, Died, ServiceFailed):
            assert not was_free or how in {"before", "after"}, "who lives takes a free lease, though no answer came"
            self.mine.pop(who, None)
            self._read_what_came_of_it(who, "after" if was_free and how != "before" else "")
        else:
            assert was_free
            self._has(who, record)
        self._calm()

    @rule(who=WHO, how=CRASHES)
    def crash_while_renewing(self, who: int, how: str) -> None:
        if who not in self.mine:
            return
        held = self._holds(who)
        self._play(how)
        try:
            self.mine[who] = self.runners[who].renew(self.mine[who], phase="on")
        except (Died, ServiceFailed):
            written = self.store.objects["hello/_lease/dev.json"].modified
            if held and written == self.clock.now():
                self.model.until = self.seconds + TTL
        except LeaseLost:
            assert not held
            del self.mine[who]
        else:
            assert held
            self.model.until = self.seconds + TTL
        self._calm()

    @rule(who=WHO, how=CRASHES)
    def crash_while_releasing(self, who: int, how: str) -> None:
        if who not in self.mine:
            return
        held = self._holds(who)
        self._play(how)
        try:
            self.runners[who].release(self.mine.pop(who))
        except (Died, ServiceFailed):
            held = held and how != "before"
        if held:
            self.model.holder = None
        self._calm()

    # -- what must be true ---------------------------------------------------------------------------------------------

    @invariant()
    def the_object_says_what_the_model_says(self) -> None:
        seen = self.runners[0].look("dev")
        if seen is None:
            assert self.model.holder is None
            return
        assert seen.record.fence == self.model.fence
        assert bool(seen.record.holder) == (self.model.holder is not None)
        if self.model.holder is not None:
            assert seen.record.holder == f"runner-{self.model.holder}"
            assert seen.held == (self.seconds < self.model.until)

    @invariant()
    def hosts_never_went_back_to_an_earlier_holder(self) -> None:
        assert self.orders == sorted(self.orders)

    # -- ---------------------------------------------------------------------------------------------------------------

    def _take(self, who: int, over: str, living: bool, deployment_id: str = "") -> LeaseRecord:
        return self.runners[who].take(
            "dev",
            holder=f"runner-{who}",
            run_url="",
            ttl=TTL,
            deployment_id=deployment_id,
            over=over,
            living=living,
        )

    def _has(self, who: int, record: LeaseRecord) -> None:
        self.mine[who] = record
        self.model = Model(who, record.fence, self.seconds + TTL)

    def _holds(self, who: int) -> bool:
        return self.model.holder == who and self.mine[who].fence == self.model.fence

    def _read_what_came_of_it(self, who: int, taken: str) -> None:
        """A process that died while taking: it holds the lease if its write was done."""
        if taken and "hello/_lease/dev.json" in self.store.objects:
            seen = self.runners[who].look("dev")
            assert seen
            if seen.record.holder:
                assert seen.record.fence == self.model.fence + 1
                self.model = Model(who, seen.record.fence, self.seconds + TTL)

    def _play(self, how: str) -> None:
        """What becomes of the next write of a lease that somebody holds or wants (not of the making of the object)."""

        def hook(then: BaseException) -> Any:
            def act(_verb: str, _key: str) -> None:
                if _verb == "replace":
                    self._calm()
                    raise then

            return act

        if how == "before":
            self.store.before = hook(Died())
        elif how == "after":
            self.store.after = hook(Died())
        elif how == "answer lost":
            self.store.after = hook(ServiceFailed("AWS cannot be reached.", remedy="Wait."))
        else:
            self.store.after = hook(Conflict("the repeated write met its own first one"))

    def _calm(self) -> None:
        self.store.before = self.store.after = lambda _verb, _key: None


Leases.TestCase.settings = hypothesis_settings(
    max_examples=counted(2000), stateful_step_count=40, deadline=None, database=None
)
TestLeases = Leases.TestCase
