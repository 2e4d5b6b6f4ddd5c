"""An artifact in another region's bucket and registry: the same bytes, whole, and what to do if they are others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tagship.adapters.bucket.mirror import Mirror
from tagship.domain import layout
from tagship.domain.change import Change
from tagship.domain.manifest import ImageRef, Manifest, PackageRef, sha256
from tagship.domain.version import ArtifactId
from tagship.errors import ArtifactMissing, NotAuthentic, ServiceFailed
from tests.fakes.app import FakeApp
from tests.fakes.store import MemoryStore

VERSION = ArtifactId("0.1.0-dev")
TOP = "hello/dev/0.1.0-dev/"
ECR = "123456789012.dkr.ecr.{}.amazonaws.com/hello"
PACKAGE = b"a zip file"


class Copies:
    """A registry that notes what it copies."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def copy(self, image: ImageRef, repository: str) -> ImageRef:
        self.made.append((image.by_digest, repository))
        return replace(image, repository=repository)


class World:
    def __init__(self) -> None:
        app = FakeApp()
        app.publish(VERSION)
        self.home, self.far, self.copies = app.store, MemoryStore("far"), Copies()
        image = ImageRef(ECR.format("us-east-1"), "0.1.0-dev", f"sha256:{'a' * 64}")
        package = PackageRef(f"{TOP}packages/api.zip", sha256(PACKAGE), len(PACKAGE))
        stored = Manifest.from_json(self.home.objects[f"{TOP}manifest.json"].body, "")
        raw = replace(stored, image=image, packages={"api": package}).to_json()
        for name in ("manifest.json", "manifest.sig"):
            del self.home.objects[f"{TOP}{name}"]
        self.home.create(package.key, PACKAGE)
        self.home.create(f"{TOP}manifest.sig", app.signer.sign(raw))
        self.home.create(f"{TOP}{layout.signature_by('1234')}", b"of a later key")
        self.home.create(f"{TOP}manifest.json", raw)
        self.change = Change("deploy", "hello", "dev", VERSION, sha256(raw), "20261120", 1)

    @property
    def mirror(self) -> Mirror:
        registry: Any = self.copies
        return Mirror(self.home, self.far, registry, "eu-west-1")

    def carry(self) -> None:
        self.mirror.carry(self.change)


def test_every_object_is_there_with_the_same_bytes_and_the_manifest_last() -> None:
    world = World()
    world.carry()
    assert {key: entry.body for key, entry in world.far.objects.items()} == {
        key: entry.body for key, entry in world.home.objects.items()
    }
    assert world.far.writes[-1] == ("create", f"{TOP}manifest.json")


def test_an_image_is_in_the_regions_own_registry_by_its_digest() -> None:
    world = World()
    world.carry()
    assert world.copies.made == [(f"{ECR.format('us-east-1')}@sha256:{'a' * 64}", ECR.format("eu-west-1"))]


def test_once_more_writes_nothing() -> None:
    world = World()
    world.carry()
    written = list(world.far.writes)
    world.carry()
    assert world.far.writes == written


@pytest.mark.parametrize("left", range(5))
def test_cut_off_at_any_write_it_goes_on_from_there(left: int) -> None:
    world = World()

    def cut(_verb: str, _key: str) -> None:
        if len(world.far.writes) >= left:
            raise ServiceFailed("AWS cannot be reached", remedy="Run the same command again")

    world.far.before = cut
    with pytest.raises(ServiceFailed):
        world.carry()
    assert f"{TOP}manifest.json" not in world.far.objects
    world.far.before = lambda _verb, _key: None
    world.carry()
    assert set(world.far.objects) == set(world.home.objects)


@pytest.mark.parametrize("name", ["deploy-bundle.tar.gz", "packages/api.zip", "manifest.sig", "manifest.json"])
def test_other_bytes_under_that_name_are_refused_and_stay(name: str) -> None:
    world = World()
    world.far.create(f"{TOP}{name}", b"somebody else's")
    with pytest.raises(NotAuthentic, match="has other bytes than"):
        world.carry()
    assert world.far.objects[f"{TOP}{name}"].body == b"somebody else's"


def test_an_artifact_that_was_altered_since_it_was_verified_is_not_carried() -> None:
    world = World()
    world.change = replace(world.change, manifest_sha256="0" * 64)
    with pytest.raises(NotAuthentic, match="is not what was verified"):
        world.carry()
    assert not world.far.objects


def test_an_object_that_the_manifest_names_and_nobody_has_is_named() -> None:
    world = World()
    del world.home.objects[f"{TOP}packages/api.zip"]
    with pytest.raises(ArtifactMissing, match=r"packages/api\.zip is gone"):
        world.carry()
    assert f"{TOP}manifest.json" not in world.far.objects


def test_an_object_of_other_bytes_than_the_manifest_names_is_not_called_the_same() -> None:
    world = World()
    key = f"{TOP}packages/api.zip"
    del world.home.objects[key]
    world.home.create(key, b"other bytes")
    with pytest.raises(NotAuthentic):
        world.carry()
    assert f"{TOP}manifest.json" not in world.far.objects
