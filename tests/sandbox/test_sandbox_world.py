"""The sandbox's world: all of its state, and what every service owes to it."""

from __future__ import annotations

import ast
import importlib
import re
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tagship import sandbox as package
from tagship.sandbox.aws import services, stock
from tagship.sandbox.faults import Faults
from tagship.sandbox.hosts.ports import Ports
from tagship.sandbox.state import Running
from tagship.sandbox.world import UnknownSwitch, World
from tests.contract import strict_aws
from tests.sandbox.conftest import post

TOP = Path(package.__path__[0])
FILES = sorted(file for file in TOP.rglob("*.py") if "hostbin" not in file.parts)
MUTABLE = {"set", "dict", "list", "deque", "Counter", "defaultdict", "Lock", "RLock", "local", "Event", "Random"}


def module(file: Path) -> ModuleType:
    return importlib.import_module(".".join(("tagship.sandbox", *file.relative_to(TOP).with_suffix("").parts)))


AWS = [module(file) for file in sorted((TOP / "aws").glob("*.py")) if file.stem != "__init__"]


@pytest.fixture
def second() -> Iterator[World]:
    """Another world of this process, installed over the first."""
    first, world = strict_aws.world(), World(Path("/nonexistent"), strict_aws.REGION)
    strict_aws.url()
    services.install(world)
    yield world
    services.install(first)


# -- no state but the world's ------------------------------------------------------------------------------------------


def state(source: str) -> list[str]:
    """Where a module keeps state outside of objects: class attributes, `global`, and names that are no constants."""
    tree = ast.parse(source)
    found = [f"{node.lineno}: global" for node in ast.walk(tree) if isinstance(node, ast.Global)]
    found += [
        f"{node.lineno}: {node.id}" for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "ClassVar"
    ]
    bodies: list[ast.Module | ast.ClassDef] = [tree]
    bodies += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for body in bodies:
        for node in body.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and is_state(node, body is tree):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def is_state(node: ast.Assign | ast.AnnAssign, top: bool) -> bool:
    target, value = node.targets[0] if isinstance(node, ast.Assign) else node.target, node.value
    names = [name.id for name in ast.walk(target) if isinstance(name, ast.Name)]
    constant = all(re.fullmatch(r"_?[A-Z][A-Za-z0-9_]*|__all__", name) for name in names)
    made = isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in MUTABLE
    literal = isinstance(value, ast.Dict | ast.List | ast.Set)
    return made or (not constant if top else literal)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(TOP).as_posix())
def test_no_module_keeps_state_outside_of_the_world(file: Path) -> None:
    assert not state(file.read_text("utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "class Faults:\n    left: ClassVar[Counter[str]] = Counter()",
        "class Faults:\n    left = {}",
        "class Faults:\n    done: Counter[str] = Counter()",
        "_given: set[int] = set()",
        "WRITING = threading.RLock()",
        "last = None\ndef act():\n    global last",
    ],
)
def test_state_outside_of_the_world_would_be_found(source: str) -> None:
    assert state(source)


# -- what every service owes -------------------------------------------------------------------------------------------


def test_every_service_is_in_the_table() -> None:
    assert {each for each in AWS if hasattr(each, "install")} - {services} == set(services.SERVICES)


@pytest.mark.parametrize("service", services.SERVICES, ids=lambda service: service.__name__.rsplit(".", 1)[-1])
def test_every_service_says_what_it_follows_and_what_it_does_not_model(service: ModuleType) -> None:
    text = " ".join((service.__doc__ or "").split())
    assert re.search(r"Follows .*https://docs\.aws\.amazon\.com/\S+\.html", text)
    assert "Does not model: " in text


def test_a_world_that_is_installed_takes_the_place_of_the_one_before(second: World) -> None:
    s3 = strict_aws.aws().client("s3")
    bucket = strict_aws.bucket("two-worlds")
    strict_aws.world().faults.plan("conflicts", {"key": 1})
    s3.put_object(Bucket=bucket, Key="key", Body=b"", IfNoneMatch="*")
    strict_aws.world().faults.clear()
    second.faults.plan("conflicts", {"other": 1})
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        strict_aws.aws().once("s3").put_object(Bucket=bucket, Key="other", Body=b"", IfNoneMatch="*")
    assert (second.faults.happened, strict_aws.world().faults.happened["conflicts"]) == ({"conflicts": 1}, 0)


def test_a_replaced_operation_wraps_the_original_and_never_another_replacement() -> None:
    class Stock:
        def say(self) -> str:
            return "stock"

    for word in ("first", "second"):
        stock.replace(Stock, "say", lambda original, word=word: lambda self: f"{word} of {original(self)}")
    assert Stock().say() == "second of stock"


# -- switches ----------------------------------------------------------------------------------------------------------


def test_an_unknown_switch_is_refused_and_nothing_is_set() -> None:
    world, heard = World(Path("/nonexistent"), "us-east-1"), list[Any]()
    world.switches["loud"] = heard.append
    with pytest.raises(UnknownSwitch, match=r"^Unknown: quiet\. Known: loud, rates\.$"):
        world.switch({"loud": 1, "quiet": 2})
    assert heard == []
    world.switch({"loud": 1})
    assert heard == [1]


def test_a_running_sandbox_refuses_an_unknown_switch(sandbox: Running) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(sandbox, "faults", {"conflict": {"key": 1}})
    assert caught.value.code == 400
    assert b"Unknown: conflict. Known: asg, calendars, conflicts," in caught.value.read()


def test_a_calendar_says_whether_it_is_open_and_until_when(sandbox: Running, ssm: Any) -> None:
    post(sandbox, "faults", {"calendars": {"office": "OPEN", "holidays": "CLOSED"}})
    assert ssm.get_calendar_state(CalendarNames=["office"])["State"] == "OPEN"
    post(sandbox, "faults", {"transitions": {"office": "2026-12-01T08:00:00Z", "holidays": "2026-11-30T08:00:00Z"}})
    both = ssm.get_calendar_state(CalendarNames=["office", "holidays"])
    assert (both["State"], both["NextTransitionTime"]) == ("CLOSED", "2026-11-30T08:00:00Z")
    with pytest.raises(ClientError, match="InvalidDocument"):
        ssm.get_calendar_state(CalendarNames=["nobody-set-it"])


# -- its parts ---------------------------------------------------------------------------------------------------------


def test_a_planned_fault_happens_as_often_as_planned_and_to_its_key_alone() -> None:
    faults = Faults()
    faults.plan("dropped", {"key": 1})
    faults.plan("dropped", {"key": 1})
    assert [faults.strikes("dropped", key) for key in ("other", "key", "key", "key")] == [False, True, True, False]
    assert not faults.strikes("conflicts", "key")
    faults.rates["conflicts"] = 1.0
    assert faults.strikes("conflicts", "any")
    assert faults.happened == {"dropped": 2, "conflicts": 1}


def test_a_port_is_given_once_though_nobody_listens_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagship.sandbox.hosts.ports.RANGE", range(10_000, 10_002))
    monkeypatch.setattr("tagship.sandbox.hosts.ports._is_free", lambda _port: True)
    ports = Ports()
    assert {ports.free(), ports.free()} == {10_000, 10_001}
    with pytest.raises(OSError, match="no port from 10000 to 10001 is free"):
        ports.free()
