"""promote, with a fault at each of its outside calls: what it says then is so, and run again it converges.

Calls are those of the ports, over the fakes that contract tests hold to AWS. What happens inside of one (a body sent in
parts, a request that botocore repeats) is in test_side_effects.py, for the deployment that a promotion ends with. The
two environments are in one account, and in two, whose buckets are two stores that fail each by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.bucket.several import SeveralStores
from tagship.domain import layout
from tagship.errors import UNCHANGED, ServiceFailed, TagshipError
from tagship.verbs.promote import promote
from tests.fakes.death import Died
from tests.fakes.store import MemoryStore
from tests.unit.verbs.test_promote import NEW, ThreeEnvironments, promotable

WATCHED = {
    "store": ("create", "put", "replace", "delete", "get", "head", "download"),
    "ledger": ("append",),
    "leases": ("take", "renew", "hold", "update", "release", "let_go"),
    "target": ("start", "finish", "committed"),
}
KINDS = ("killed before", "killed after", "error before", "answer lost")
NO_ANSWER = ServiceFailed("AWS did not answer.", remedy="Try again.")


@dataclass
class Fault:
    """What befalls the call of that number; a process that is killed makes no other call."""

    number: int = 0
    kind: str = ""
    calls: list[str] = field(default_factory=list)
    dead: bool = False

    def watch(self, app: ThreeEnvironments) -> None:
        stores = {f"store {one.bucket}": one for one in stores_of(app)}
        ports = {**stores, "ledger": app.ledger, "leases": app.leases, "target": app.each["preprod"]}
        for name, port in ports.items():
            for method in WATCHED[name.partition(" ")[0]]:
                if hasattr(port, method):
                    setattr(port, method, self._befalling(f"{name}.{method}", getattr(port, method)))

    def _befalling(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def befallen(*given: Any, **named: Any) -> Any:
            if self.dead:
                raise Died
            self.calls.append(name)
            strikes = len(self.calls) == self.number
            if strikes and self.kind.endswith("before"):
                self._strike()
            answer = call(*given, **named)
            if strikes:
                self._strike()
            return answer

        return befallen

    def _strike(self) -> None:
        if self.kind.startswith("killed"):
            self.dead = True
            raise Died
        raise NO_ANSWER


def in_one(tmp_path: Path) -> ThreeEnvironments:
    return promotable(tmp_path)


def in_two(tmp_path: Path) -> ThreeEnvironments:
    """preprod has a bucket of another account."""
    app = promotable(tmp_path)
    first, second = app.store, MemoryStore("hello-preprod", app.clock)
    of_preprod = [key for key in first.objects if key.startswith("hello/preprod/")]
    second.objects |= {key: first.objects.pop(key) for key in of_preprod}

    def bucket_of(key: str) -> str:
        return second.bucket if layout.environment_of(key, "hello") == "preprod" else first.bucket

    stores = {one.bucket: partial(lambda one: one, one) for one in (first, second)}
    app.store = SeveralStores(stores, bucket_of)  # type: ignore[assignment]
    return app


ACCOUNTS = pytest.mark.parametrize("made", [in_one, in_two], ids=["one account", "two accounts"])


def stores_of(app: ThreeEnvironments) -> list[MemoryStore]:
    store: Any = app.store
    return [opened() for opened in store.stores.values()] if isinstance(store, SeveralStores) else [store]


def stored(app: ThreeEnvironments, environment: str, name: str) -> bytes:
    kept = app.store.get(layout.artifact("hello", environment, NEW, name))
    return kept.body if kept else b""


def run(app: ThreeEnvironments) -> Any:
    return promote(app, source="dev", to="preprod", artifact=NEW, yes=True)


def calls(tmp_path: Path, made: Any) -> list[str]:
    app, fault = made(tmp_path), Fault()
    fault.watch(app)
    run(app)
    return fault.calls


def things(app: ThreeEnvironments) -> set[str]:
    """What the bucket has of preprod."""
    return {key for store in stores_of(app) for key in store.objects if "/preprod/" in key}


def interrupted(app: ThreeEnvironments, fault: Fault) -> TagshipError | None:
    """Promote under a fault; its error, None if it was killed or did not mind."""
    before, deployed = things(app), len(app.ledger.deployments("preprod"))
    fault.watch(app)
    try:
        run(app)
    except Died:
        return None
    except TagshipError as problem:
        if UNCHANGED in (problem.state or ""):
            assert things(app) == before, "it says that nothing was changed"
            assert len(app.ledger.deployments("preprod")) == deployed
        return problem
    finally:
        fault.dead, fault.number = False, 0
    return None


@ACCOUNTS
def test_it_makes_calls_of_every_kind(tmp_path: Path, made: Any) -> None:
    names = calls(tmp_path, made)
    to = "hello-preprod" if made is in_two else "hello-artifacts"
    assert {f"store {to}.create", "store hello-artifacts.download", "ledger.append", "target.start"} <= set(names)
    assert len(names) > 20


def test_each_account_is_asked_for_its_own_environment_alone(tmp_path: Path) -> None:
    app = in_two(tmp_path)
    run(app)
    first, second = stores_of(app)
    assert {layout.environment_of(key, "hello") for key in second.objects} == {"preprod"}
    assert not [key for key in first.objects if key.startswith("hello/preprod/")]


@ACCOUNTS
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_befalls_one_call_it_converges_when_it_is_run_again(kind: str, tmp_path: Path, made: Any) -> None:
    names, wrong = calls(tmp_path / "calls", made), []
    for number, name in enumerate(names, 1):
        app = made(tmp_path / str(number))
        fault = Fault(number, kind)
        problem = interrupted(app, fault)
        assert len(fault.calls) >= number, "it was not struck"
        app.clock.advance(600)  # a dead runner's lease has expired
        try:
            run(app)
        except TagshipError as again:
            wrong.append(f"{number} {name}: {problem} | then: {again} {again.state} {again.remedy}")
            continue
        last = app.ledger.deployments("preprod")[-1]
        if (last.artifact_id, last.state) != (NEW, "healthy"):
            wrong.append(f"{number} {name}: {last.artifact_id} is {last.state}")
        if stored(app, "preprod", layout.BUNDLE) != stored(app, "dev", layout.BUNDLE):
            wrong.append(f"{number} {name}: other bytes")
        if app.each["preprod"].machines[0].serving != NEW:
            wrong.append(f"{number} {name}: it serves {app.each['preprod'].machines[0].serving}")
        held = app.leases.look("preprod")
        if held and held.record.holder:
            wrong.append(f"{number} {name}: the lease is held by {held.record.holder}")
    assert wrong == []
