"""Stands for shelves: a place of each kind in which artifacts were deployed, one after the other."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagship.adapters.aws.ecr_images import EcrImages
from tagship.adapters.aws.ecr_shelf import EcrShelf
from tagship.adapters.targets.asg.leftovers import TemplateShelf
from tagship.adapters.targets.ecs.leftovers import FamilyShelf
from tagship.domain.leftovers import Leftover
from tagship.domain.manifest import ImageRef
from tagship.domain.oci import OCI_INDEX, OCI_MANIFEST
from tagship.ports.leftovers import Shelf
from tagship.sandbox.image_shelf import SandboxShelf
from tagship.sandbox.images import SandboxImages
from tests.contract import functions, groups, services, strict_aws
from tests.fakes.leftovers import FakeShelf

VERSIONS = ("0.1.0-dev", "0.1.1-dev", "0.1.2-dev")
_NUMBERS = itertools.count(1)


@dataclass
class Stand:
    """A shelf on which VERSIONS were left, the last of which is in use; and something that somebody else left there.

    `working` says that what is in use still works; `end` takes it away.
    """

    shelf: Shelf
    working: Callable[[], bool]
    end: Callable[[], None] = lambda: None
    foreign: bool = True

    def of(self, version: str) -> list[Leftover]:
        return [leftover for leftover in self.shelf.look() if version in leftover.artifacts]


def of_functions(_folder: Path) -> Stand:
    place = functions.Functions.made(["api"])
    for version in VERSIONS:
        place.deploy(version)
    [shelf] = place.connect().shelves()
    return Stand(shelf, lambda: place.serving() == [VERSIONS[-1]], place.remove)


def of_services(_folder: Path) -> Stand:
    place = services.Services.made(["web"])
    for version in VERSIONS:
        place.deploy(version)
    [shelf] = place.connect().shelves()
    assert isinstance(shelf, FamilyShelf)
    return Stand(shelf, lambda: place.serving() == [VERSIONS[-1]], place.remove)


def of_groups(_folder: Path) -> Stand:
    place = groups.Groups.made(["web"])
    for version in VERSIONS:
        place.deploy(version)
    [shelf] = place.connect().shelves()
    assert isinstance(shelf, TemplateShelf)
    return Stand(shelf, lambda: place.serving() == [VERSIONS[-1]], place.remove)


def digest_of(manifest: str) -> str:
    return f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}"


def manifest_of(text: str, media_type: str = OCI_MANIFEST, **more: Any) -> str:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 7, "digest": digest_of(text)}
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [], **more})


@dataclass
class Repository:
    """A repository of the strict ECR: moto takes the digest of a manifest's bytes if it is given."""

    name: str

    @classmethod
    def made(cls) -> Repository:
        place = cls(f"hello-{next(_NUMBERS)}")
        place.client.create_repository(repositoryName=place.name)
        return place

    @property
    def client(self) -> Any:
        return strict_aws.aws().client("ecr")

    @property
    def shelf(self) -> EcrShelf:
        return EcrShelf(EcrImages(strict_aws.aws(), "123456789012", strict_aws.REGION, self.name), ["dev"])

    def put(self, text: str, *tags: str, media_type: str = OCI_MANIFEST, **more: Any) -> str:
        manifest = manifest_of(text, media_type, **more)
        for tag in tags or [""]:
            self.client.put_image(
                repositoryName=self.name,
                imageManifest=manifest,
                imageManifestMediaType=media_type,
                imageDigest=digest_of(manifest),
                **({"imageTag": tag} if tag else {}),
            )
        return digest_of(manifest)

    def index(self, version: str, *digests: str, tags: Sequence[str] = ()) -> str:
        rows = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 7} for digest in digests]
        return self.put(f"index {version}", version, *tags, media_type=OCI_INDEX, manifests=rows)

    def digests(self) -> set[str]:
        rows = self.client.describe_images(repositoryName=self.name)["imageDetails"]
        return {row["imageDigest"] for row in rows}


def of_images(_folder: Path) -> Stand:
    place = Repository.made()
    for version in VERSIONS:
        place.put(version, version, *(["latest"] if version == VERSIONS[-1] else []))
    place.put("base", "nightly")
    last = digest_of(manifest_of(VERSIONS[-1]))
    return Stand(place.shelf, lambda: last in place.digests())


def of_sandbox_images(folder: Path) -> Stand:
    images = SandboxImages(folder, print)
    for version in (*VERSIONS, "base"):
        place = folder / digest_of(version).replace(":", "-")
        place.mkdir(parents=True)
        images.tag(ImageRef("hello", version, digest_of(version)), version if version != "base" else "nightly")
    images.tag(ImageRef("hello", "latest", digest_of(VERSIONS[-1])), "latest")
    shelf = images.shelf("hello", ["dev"])
    assert isinstance(shelf, SandboxShelf)
    return Stand(shelf, lambda: images.find("hello", VERSIONS[-1]) is not None)


def of_fake(_folder: Path) -> Stand:
    shelf = FakeShelf()
    at = datetime(2026, 11, 20, tzinfo=UTC)
    shelf.put(*(Leftover(version, f"version {version}", (version,), at) for version in VERSIONS))
    shelf.put(Leftover("theirs", "version theirs", (), at))
    shelf.uses = {VERSIONS[-1]: "alias live names it"}
    return Stand(shelf, lambda: VERSIONS[-1] in shelf.rows)


STANDS: dict[str, Callable[[Path], Stand]] = {
    "functions": of_functions,
    "services": of_services,
    "groups": of_groups,
    "images": of_images,
    "images of a sandbox": of_sandbox_images,
    "fake": of_fake,
}
