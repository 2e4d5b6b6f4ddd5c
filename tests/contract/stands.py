"""Targets to hold to the contract: for each kind, a place with two units, and what a test must be able to do there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tagship.adapters.targets.regions import Region
from tagship.adapters.targets.regions_more import several
from tagship.domain.change import Change
from tagship.domain.deployment import new_id
from tagship.ports.target import Target
from tests.contract.files_kind import FilesTarget
from tests.contract.place import Deployable
from tests.fakes.target import FakeTarget, machine


@dataclass
class Stand:
    """`connect` gives the target as another process would have it; `make` an artifact with a fault: its id and digest.

    Faults: error (its health answer is an error), impostor (it answers as another version), slow (it takes seconds to
    answer). `serving` is what answers on each unit, asked from outside. `pointer`: what comes up by itself runs what
    was committed, and not what its unit was switched to.
    """

    connect: Callable[[], Target]
    make: Callable[[str], tuple[str, str]]
    serving: Callable[[], list[str]]
    app: str
    environment: str
    pointer: bool = True
    repeated: str = "unchanged"  # what comes of the same change once more, if another process starts it
    fences: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def good(self) -> tuple[str, str]:
        """A good artifact, newer than each that was made before: a unit takes no older one but to go back."""
        return self.make("")

    def change(self, artifact: tuple[str, str], action: str = "deploy", fence: int = 0) -> Change:
        """A change of a deployment of its own, under the next fencing number."""
        id_ = new_id(datetime.now(UTC))
        return Change(action, self.app, self.environment, *artifact, id_, fence or next(self.fences))


@contextmanager
def fake(folder: Path) -> Iterator[Stand]:
    target, numbers = FakeTarget([machine("web-1"), machine("web-2")]), itertools.count(1)

    def make(fault: str) -> tuple[str, str]:
        artifact = f"0.1.{next(numbers)}-dev"
        target.faults[artifact] = fault
        return artifact, "0" * 64

    yield Stand(lambda: replace(target), make, lambda: list(target.serving.values()), "hello", "dev")


@contextmanager
def regions(folder: Path) -> Iterator[Stand]:
    """Two regions with a unit each, of the fake's kind."""
    targets = {name: FakeTarget([machine("web-1")]) for name in ("us-east-1", "eu-west-1")}
    numbers, carried = itertools.count(1), set[str]()

    def make(fault: str) -> tuple[str, str]:
        artifact = f"0.1.{next(numbers)}-dev"
        for target in targets.values():
            target.faults[artifact] = fault
        return artifact, "0" * 64

    def connect() -> Target:
        first, second = (Region(name, replace(target)) for name, target in targets.items())
        return several([first, replace(second, carry=lambda change: carried.add(change.artifact_id))], 0)

    def serving() -> list[str]:
        return [version for target in targets.values() for version in target.serving.values()]

    yield Stand(connect, make, serving, "hello", "dev")


@contextmanager
def files(folder: Path) -> Iterator[Stand]:
    numbers = itertools.count(1)
    for name in ("one", "two"):
        (folder / "units" / name).mkdir(parents=True)

    def make(fault: str) -> tuple[str, str]:
        artifact = f"0.1.{next(numbers)}-dev"
        (folder / "artifacts" / artifact).mkdir(parents=True)
        answer = {"error": "", "impostor": "0.0.0-impostor"}.get(fault, artifact)
        (folder / "artifacts" / artifact / "app").write_text(answer)
        return artifact, "0" * 64

    def serving() -> list[str]:
        return [path.read_text() for path in sorted((folder / "units").glob("*/app"))]

    yield Stand(lambda: FilesTarget(folder), make, serving, "hello", "dev")


@contextmanager
def ec2(folder: Path) -> Iterator[Stand]:
    from tagship.engine.plan import manifest_sha256
    from tagship.sandbox import lifecycle
    from tests.sandbox import shop
    from tests.sandbox.conftest import start

    root, numbers = shop.make(folder, ["dev"]), itertools.count(1)
    place = shop.Shop(root, start(root, hosts=2), "dev")

    def make(fault: str) -> tuple[str, str]:
        artifact = place.publish(f"0.1.{next(numbers)}", fault, delay=1.5)
        return artifact, manifest_sha256(place.app(), "dev", artifact)

    try:
        yield Stand(lambda: place.app().target("dev"), make, place.serving, "hello", "dev")
    finally:
        lifecycle.down(root)


def lambda_(folder: Path) -> AbstractContextManager[Stand]:
    from tests.contract.functions import Functions

    return in_this_process(lambda: Functions.made(["one", "two"]))


def bare(folder: Path) -> AbstractContextManager[Stand]:
    """Functions without an alias: callers call the functions themselves."""
    from tests.contract.functions import Functions

    return in_this_process(lambda: Functions.made(["one", "two"], alias=""))


def ecs(folder: Path) -> AbstractContextManager[Stand]:
    from tests.contract.services import Services

    return in_this_process(lambda: Services.made(["api", "web"]))


def asg(folder: Path) -> AbstractContextManager[Stand]:
    from tests.contract.groups import Groups

    return in_this_process(lambda: Groups.made(["api", "web"]))


@contextmanager
def in_this_process(made: Callable[[], Deployable]) -> Iterator[Stand]:
    """A place that is made of the sandbox's services in this process, for as long as it is wanted."""
    place, numbers = made(), itertools.count(1)

    def make(fault: str) -> tuple[str, str]:
        return place.publish(f"0.1.{next(numbers)}-dev", fault)

    yield Stand(place.connect, make, place.serving, "hello", "dev", pointer=False, repeated="healthy")
    place.remove()


STANDS: dict[str, Callable[[Path], AbstractContextManager[Stand]]] = {  # another kind joins by a line
    "fake": fake,
    "regions": regions,
    "files": files,
    "ec2": ec2,
    "lambda": lambda_,
    "lambda, no alias": bare,
    "ecs": ecs,
    "asg": asg,
}
