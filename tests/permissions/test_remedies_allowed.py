"""Each remedy that is printed to a person about the bucket's records works under that person's own policy."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module

import pytest
from invoke.parser.parser import Parser

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.targets.ec2.pointer import StoredPointer
from tagship.domain import layout
from tagship.domain.ec2.pointer import Pointer
from tagship.domain.lease import LeaseRecord
from tagship.domain.statelock import SUFFIX
from tagship.errors import Interrupted, ServiceFailed, TagshipError
from tagship.tasks import ns
from tagship.verbs.deploy import deploy
from tagship.verbs.freeze import freeze
from tagship.verbs.history import history
from tagship.verbs.infra_lock import infra_lock
from tagship.verbs.lock import lock
from tagship.verbs.rollback import rollback
from tests.contract import strict_aws
from tests.contract.people import app_over, iam_enforced, owner, person
from tests.fakes.app import FakeApp
from tests.unit.verbs.test_infra_lock import ID

OLD, NEW = "0.1.29-dev", "0.1.30-dev"
COMMAND = re.compile(r"inv (?:'[^']*'|[^'();,\n])+")
numbers = itertools.count(1)


@dataclass
class Place:
    """A bucket, seen by who made it (`owner`) and by who has the policy of people (`ada`)."""

    owner: FakeApp
    ada: FakeApp

    def spoil(self, key: str) -> None:
        """Cut an object short, as somebody's hand does."""
        there = self.owner.store.get(key)
        assert there
        self.owner.store.replace(key, there.body[:-30], there.etag)


@pytest.fixture
def place() -> Iterator[Place]:
    """OLD, then NEW were deployed by Ada, who could."""
    bucket = strict_aws.bucket(f"people-{next(numbers)}")
    made = Place(app_over(S3Store(owner(), bucket)), app_over(S3Store(person(bucket), bucket)))
    with iam_enforced():
        made.owner.publish(OLD, NEW)
        deploy(made.ada, artifact=OLD)
        deploy(made.ada, artifact=NEW)
        yield made


def said(app: FakeApp, act: Callable[[FakeApp], object]) -> str:
    """What a person reads of it: the screen, and the remedy of its error."""
    app.screen.lines.clear()
    app.screen.warnings.clear()
    try:
        act(app)
    except TagshipError as problem:
        return f"{app.screen.text}\n{problem.what}\n{problem.remedy}"
    return app.screen.text


def typed(app: FakeApp, command: str) -> None:
    """Run a command as it is typed; raises what it ends with."""
    _, *words = shlex.split(command)
    (context,) = Parser(contexts=ns.to_contexts()).parse_argv(words)
    task, name = ns[context.name], str(context.name).replace("-", "_").replace(".", "_")
    given = {flag.attribute: context.as_kwargs.get(flag.keyword, flag.default) for flag in task.flags}
    unwanted = {"json", *(flag.attribute for flag in task.flags if flag.becomes)}
    function = getattr(import_module(f"tagship.verbs.{name}"), name)
    function(app, **{attribute: value for attribute, value in given.items() if attribute not in unwanted})


def follow(app: FakeApp, text: str, deeper: int = 2) -> list[str]:
    """Type every command of a text, and of what those print, under the policy; returns what was typed."""
    assert "aws " not in text, "a remedy that nothing here types"
    done = list[str]()
    for command in [found.strip() for found in COMMAND.findall(text)]:
        done.append(command)
        try:
            typed(app, command.replace("--wait 10m", "--wait 1s"))
        except ServiceFailed as problem:
            raise AssertionError(f"{command}: {problem.what}") from problem
        except TagshipError as problem:
            done += follow(app, problem.remedy, deeper - 1) if deeper else []
    return done


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def held(place: Place) -> str:
    place.owner.leases.take("dev", holder="eve@desk", run_url="", ttl=600)
    return said(place.ada, lambda app: rollback(app, to=OLD)) + "\n" + said(place.ada, lambda app: lock(app, env="dev"))


def died(place: Place) -> str:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    place.ada.hosts.during = interrupt
    with pytest.raises(Interrupted):
        deploy(place.ada, artifact=OLD, allow_older=True)
    place.ada.hosts.during = lambda _: None
    return said(place.ada, lambda app: lock(app, env="dev"))


def damaged_lease(place: Place) -> str:
    place.spoil(layout.lease("hello", "dev"))
    return said(place.ada, lambda app: deploy(app, artifact=NEW))


def damaged_lease_in_an_incident(place: Place) -> str:
    place.spoil(layout.lease("hello", "dev"))
    remedy = said(place.ada, lambda app: rollback(app, to=OLD))
    return next(each for each in COMMAND.findall(remedy) if "--preempt" in each)


def frozen(place: Place) -> str:
    place.owner.who = "eve@desk"
    freeze(place.owner, env="dev", until="8h", reason="the sale")
    return said(place.ada, lambda app: deploy(app, artifact=NEW))


def damaged_freeze(place: Place) -> str:
    freeze(place.owner, env="dev", until="8h", reason="the sale")
    place.spoil(layout.freeze("hello", "dev"))
    return said(place.ada, lambda app: deploy(app, artifact=NEW))


def damaged_index(place: Place) -> str:
    ids = [each.id for each in place.owner.ledger.deployments("dev")]
    place.owner.store.create(layout.index_segment("hello", "dev", ids[0], ids[-1]), b"no segment")
    return said(place.ada, lambda app: history(app, env="dev"))


def damaged_entry(place: Place) -> str:
    last = place.owner.ledger.deployments("dev")[-1]
    place.spoil(layout.ledger_entry("hello", "dev", last.id, last.last.number, last.state))
    return said(place.ada, lambda app: deploy(app, artifact=NEW))


def state_lock(place: Place) -> str:
    text = {"ID": ID, "Operation": "OperationTypeApply", "Info": "", "Who": "root@vm", "Version": "1.11.4"}
    place.owner.store.create(layout.state("hello", "dev") + SUFFIX, json.dumps(text).encode())
    return said(place.ada, lambda app: infra_lock(app, env="dev"))


def damaged_state_lock(place: Place) -> str:
    place.owner.store.create(layout.state("hello", "dev") + SUFFIX, b"half a lo")
    return said(place.ada, lambda app: infra_lock(app, env="dev"))


def damaged_pointer(place: Place) -> str:
    """A deployment writes over it; had it failed, the warning's command would do that again."""
    place.owner.store.create(layout.pointer("hello", "dev"), b"no pointer")
    pointer = StoredPointer(place.ada, "dev")
    pointer.point(Pointer("hello", "dev", NEW, "0" * 64, "d-1", 99))
    [warning] = place.ada.screen.warnings
    assert "The pointer of dev cannot be read. No deployment wrote that" in warning
    assert pointer.uncommitted(NEW) == ""
    return f"inv deploy --version {NEW} --env dev\n{warning}"


def fence_run_away(place: Place) -> str:
    """Somebody wrote a huge number to the lease."""
    key = layout.lease("hello", "dev")
    lease = place.owner.store.get(key)
    assert lease
    record = replace(LeaseRecord.from_json(lease.body), fence=999_999_999_999_998)
    place.owner.store.replace(key, record.to_json(), lease.etag)
    return said(place.ada, lambda app: rollback(app, to=OLD))


def marked_bad(place: Place) -> str:
    rollback(place.ada, to=OLD)
    return said(place.ada, lambda app: deploy(app, artifact=NEW))


CASES: dict[Callable[[Place], str], list[str]] = {
    held: ["inv rollback", "inv unlock"],
    died: ["inv resume", "inv unlock"],
    damaged_lease: ["inv unlock"],
    damaged_lease_in_an_incident: ["inv rollback"],
    frozen: ["inv thaw"],
    damaged_freeze: ["inv freeze", "inv thaw"],
    damaged_index: ["inv history"],
    damaged_entry: [],
    state_lock: ["inv infra.unlock"],
    damaged_state_lock: ["inv infra.unlock"],
    damaged_pointer: ["inv deploy"],
    fence_run_away: ["inv unlock"],
    marked_bad: ["inv deploy", "inv mark-good"],
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_remedy_works_under_the_policy_of_people(place: Place, case: Callable[[Place], str]) -> None:
    text = case(place)
    done = follow(place.ada, text)
    assert [command for command in CASES[case] if not any(each.startswith(command) for each in done)] == [], text


def test_the_policy_is_enforced(place: Place) -> None:
    """Were it not, everything above would pass."""
    key = layout.lease("hello", "dev")
    there = place.ada.store.get(key)
    assert there
    with pytest.raises(ServiceFailed, match="may not s3:DeleteObject"):
        place.ada.store.delete(key, there.etag)
    with pytest.raises(ServiceFailed, match="may not s3:PutObject"):
        place.ada.store.create(layout.lease("hello", "prod"), b"")
