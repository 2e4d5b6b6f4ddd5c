"""Task definitions: what of a description can be registered again, and what a deployment changes in it.

A description has members that cannot be registered, and may have some that this boto3 does not know: those would be
lost without a word. So its raw body is compared with the model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.domain.ecs.record import RevisionLabel, RevisionRecord
from tagship.domain.text import listed

ANY = "*"  # in a shape: whatever key a map has

Shape = Any  # a mapping of members to shapes, a list with the shape of its members, or None


class Unregistrable(Exception):
    """The service cannot be brought to the artifact; the words say why."""


@dataclass(frozen=True)
class TaskRevision:
    """A revision of a task definition, as ECS describes it."""

    arn: str
    active: bool
    definition: Mapping[str, Any]  # what of it can be registered
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return `family:number`."""
        return self.arn.rpartition("/")[2]

    @property
    def family(self) -> str:
        return self.name.partition(":")[0]

    @property
    def label(self) -> RevisionLabel | None:
        return RevisionLabel.read(self.tags)

    @property
    def record(self) -> RevisionRecord | None:
        return RevisionRecord.read(self.tags)

    @property
    def artifact(self) -> str:
        """Return the artifact that it is; empty: not made by tagship."""
        return self.label.artifact if self.label else ""

    @property
    def digests(self) -> dict[str, str]:
        """Map containers that run an image by digest to that digest."""
        images = {row["name"]: row.get("image", "") for row in self.definition.get("containerDefinitions", ())}
        return {name: image.partition("@")[2] for name, image in images.items() if "@" in image}


def registrable(description: Mapping[str, Any], members: Collection[str]) -> dict[str, Any]:
    """Keep what a registration takes."""
    return {name: value for name, value in description.items() if name in members}


def unknown(raw: Any, shape: Shape, place: str = "") -> Iterator[str]:
    """Name the members of an answer that the model lacks."""
    if isinstance(shape, list):
        for row in raw if isinstance(raw, list) else ():
            yield from unknown(row, shape[0], place)
    if isinstance(shape, Mapping) and isinstance(raw, Mapping):
        for name, value in raw.items():
            inner = f"{place}.{name}".lstrip(".")
            if name in shape or ANY in shape:
                yield from unknown(value, shape.get(name, shape.get(ANY)), inner)
            elif value is not None:
                yield inner


def containers(definition: Mapping[str, Any], named: Sequence[str], repository: str) -> list[str]:
    """Choose the containers that run the app's image. Raises Unregistrable."""
    images = {row["name"]: row.get("image", "") for row in definition.get("containerDefinitions", ())}
    if missing := [name for name in named if name not in images]:
        raise Unregistrable(f"its task definition has no container {listed(missing)}: it has {listed(list(images))}")
    chosen = list(named) or [name for name, image in images.items() if _repository(image) == repository]
    if not chosen:
        raise Unregistrable(
            f"no container of its task definition runs an image of {repository}: name the container in `containers`"
        )
    return chosen


def _repository(image: str) -> str:
    """Cut the tag and the digest off an image's name."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def wanted(definition: Mapping[str, Any], images: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, Any]:
    """Change the image and the variables of some containers. Raises Unregistrable."""
    # `images` are by container.
    rows = [
        {**row, "image": images[row["name"]], "environment": _environment(row, variables)}
        if row["name"] in images
        else row
        for row in definition["containerDefinitions"]
    ]
    return {**definition, "containerDefinitions": rows}


def _environment(row: Mapping[str, Any], variables: Mapping[str, str]) -> list[dict[str, str]]:
    """Set variables, each in its place, new ones at the end."""
    secrets = {secret["name"] for secret in row.get("secrets", ())}
    if both := sorted(secrets & set(variables)):
        raise Unregistrable(f"{listed(both)} is a secret of its task definition, and tagship sets it too")
    before = {pair["name"]: pair.get("value", "") for pair in row.get("environment", ())}
    return [{"name": name, "value": value} for name, value in {**before, **variables}.items()]
