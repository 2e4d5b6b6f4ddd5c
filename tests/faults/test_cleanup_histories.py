"""cleanup among deployments, rollbacks, freezes, marks and crashes, in any order: what can be needed is always there.

How many, and what is shared with other histories: tests/faults/histories.py.
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tagship.domain import layout
from tagship.domain.deployment import serving
from tagship.domain.standing import ways_back
from tagship.errors import TagshipError
from tagship.verbs.cleanup import cleanup
from tagship.verbs.deploy import deploy
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.mark_good import mark_good
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.repository import FakeRepository
from tests.faults.histories import CleanedUp, Killed, told

VERSIONS = [f"0.1.{number}-dev" for number in range(8)]


class Histories(CleanedUp):
    """One environment with a host. `published` are the versions that CI has stored, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.app = FakeApp(given={"repository": FakeRepository()})
        self.published: list[str] = []

    @initialize()
    def begin(self) -> None:
        self.ship(fails=False)

    # -- what may happen -----------------------------------------------------------------------------------------------

    @rule(fails=st.booleans())
    def ship(self, fails: bool) -> None:
        if len(self.published) < len(VERSIONS):
            version = VERSIONS[len(self.published)]
            self.published.append(version)
            self.app.publish(version)
            self.app.hosts.faults = {version: "error"} if fails else {}
            with suppress(TagshipError):
                deploy(self.app, artifact=version)

    @rule(version=st.sampled_from(VERSIONS))
    def back(self, version: str) -> None:
        with suppress(TagshipError):
            rollback(self.app, to=version, allow_bad=True)

    @rule()
    def back_to_the_best(self) -> None:
        with suppress(TagshipError):
            rollback(self.app, yes=True)

    @rule(version=st.sampled_from(VERSIONS))
    def runner_dies(self, version: str) -> None:
        """A deployment whose hosts have acted, and whose end nobody writes."""

        def die(_change: object) -> None:
            raise Killed

        self.app.hosts.during = die
        with suppress(TagshipError, Killed):
            deploy(self.app, artifact=version, allow_bad=True, allow_older=True)
        self.app.hosts.during = lambda _: None
        self.app.clock.advance(3600)

    @rule(version=st.sampled_from(VERSIONS), good=st.booleans())
    def mark(self, version: str, good: bool) -> None:
        if version not in {deployment.artifact_id for deployment in self.app.ledger.deployments("dev")}:
            return  # Git would be asked whether it exists
        with suppress(TagshipError):
            (mark_good if good else mark_bad)(self.app, version=version, env="dev", reason="somebody said so")

    @rule(request=st.integers(1, 3), after=st.booleans(), keep=st.integers(0, 3))
    def cleanup_is_killed(self, request: int, after: bool, keep: int) -> None:
        requests: list[str] = []

        def die(verb: str, key: str) -> None:
            requests.extend([key] if verb == "delete_all" else [])
            if verb == "delete_all" and len(requests) == request:
                raise Killed

        setattr(self.app.store, "after" if after else "before", die)
        with suppress(Killed):
            self._clean(0, keep)
        self.app.store.before = self.app.store.after = lambda _verb, _key: None

    def _clean(self, days: int, keep: int) -> None:
        needed, frozen = self._needed(), self._frozen()
        before = set(self.app.store.objects)
        try:
            with suppress(TagshipError):
                cleanup(self.app, days=days, keep=keep)
        finally:
            gone = {key.split("/")[2] for key in before - set(self.app.store.objects) if key.startswith("hello/dev/")}
            assert not gone & needed
            assert not (frozen and gone)

    # -- what has to hold ----------------------------------------------------------------------------------------------

    def _needed(self) -> set[str]:
        """Spelled here once more: what runs, by ledger and host; the way back; what has not ended; marked good."""
        history, marks = self.app.ledger.deployments("dev"), self.app.ledger.marks("dev")
        last = [history[-1].artifact_id, history[-1].last.replaced] if history and not history[-1].ended else []
        judged = {mark.artifact_id: mark.verdict for mark in marks}
        good = [artifact for artifact, verdict in judged.items() if verdict == "good"]
        back = [version for version in ways_back(history, marks) if self._whole(version)][:1]
        runs = [machine.serving for machine in self.app.hosts.machines]
        return {serving(history), *last, *good, *back, *runs} - {""}

    def _frozen(self) -> bool:
        frozen = self.app.freezes.look("dev")
        return bool(frozen and frozen.active)

    def _whole(self, version: str) -> bool:
        return layout.artifact("hello", "dev", version, layout.MANIFEST) in self.app.store.objects

    @invariant()
    def nothing_half_deleted_looks_whole(self) -> None:
        for version in self.published:
            rest = (layout.BUNDLE, layout.SIGNATURE)
            keys = [layout.artifact("hello", "dev", version, name) for name in rest]
            assert not self._whole(version) or all(key in self.app.store.objects for key in keys)

    @invariant()
    def what_runs_is_stored(self) -> None:
        runs = serving(self.app.ledger.deployments("dev"))
        assert not runs or self._whole(runs)


class Rest(Histories):
    """The other half of them."""


TestHistories = told(Histories, 2, 60)
TestRest = told(Rest, 2, 60)
