"""promote, with a fault at each of its outside calls: what it says then is so, and run again it converges.

Calls are those of the ports, over the fakes that contract tests hold to AWS. What happens inside of one (a body sent in
parts, a request that botocore repeats) is in tests/faults, for the deployment that a promotion ends with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tagship.domain import layout
from tagship.errors import UNCHANGED, ServiceFailed, TagshipError
from tagship.verbs.promote import promote
from tests.fakes.death import Died
from tests.unit.verbs.test_promote import NEW, ThreeEnvironments, promotable, stored

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
        ports = {"store": app.store, "ledger": app.ledger, "leases": app.leases, "target": app.each["preprod"]}
        for name, port in ports.items():
            for method in WATCHED[name]:
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


def run(app: ThreeEnvironments) -> Any:
    return promote(app, source="dev", to="preprod", artifact=NEW, yes=True)


def calls(tmp_path: Path) -> list[str]:
    app, fault = promotable(tmp_path), Fault()
    fault.watch(app)
    run(app)
    return fault.calls


def things(app: ThreeEnvironments) -> set[str]:
    """What the bucket has of preprod."""
    return {key for key in app.store.objects if "/preprod/" in key}


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


def test_it_makes_calls_of_every_kind(tmp_path: Path) -> None:
    made = calls(tmp_path)
    assert {"store.create", "store.download", "ledger.append", "leases.take", "target.start"} <= set(made)
    assert len(made) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_befalls_one_call_it_converges_when_it_is_run_again(kind: str, tmp_path: Path) -> None:
    names, wrong = calls(tmp_path / "calls"), []
    for number, name in enumerate(names, 1):
        app = promotable(tmp_path / str(number))
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
