"""Functions of container images on the strict Lambda of this process: the registry is a folder, as the sandbox's is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tagship.domain.manifest import ImageRef
from tests.contract import strict_aws
from tests.contract.functions import EXPECT, HANDLER, Functions
from tests.fakes.app import settings
from tests.fakes.images import FakeImages

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"


@dataclass
class ImageFunctions(Functions):
    """Each runs the environment's own image; infrastructure made it of `:latest`."""

    folder: Path = Path()
    platform: str = "linux/amd64"  # that images are built for

    @classmethod
    def of_images(cls, short: Sequence[str], folder: Path, alias: str = "live", **changes: Any) -> ImageFunctions:
        """Functions whose images are in `folder`, which is the sandbox's own for as long as they are."""
        place = cls.made(short, alias=alias)
        assert isinstance(place, ImageFunctions)
        place.folder = folder / "images"
        place.build("latest")
        own = {name: {"image": True, "health": {"expect": EXPECT}} for name in place.names}
        dev = {
            "branch": "dev",
            "image": {"repository": REPOSITORY},
            "lambda": {"functions": own, "timeout": 20, "alias": alias},
            **changes,
        }
        place.app.settings = settings(environments={"dev": dev})
        place.app.given["registry"] = FakeImages()
        for name in place.names:
            place.client.delete_function(FunctionName=name)
            place.client.create_function(
                FunctionName=name,
                PackageType="Image",
                Role="arn:aws:iam::123456789012:role/hello",
                Code={"ImageUri": f"{REPOSITORY}:latest"},
                Environment={"Variables": {"TABLE": "of-infrastructure"}},
            )
        return place

    def build(self, tag: str, fault: str = "", words: str = "", platform: str = "") -> str:
        """Put an image under a tag, whatever was there; returns its digest."""
        text = HANDLER.format(fault=fault) + f"# {tag} {words}\n"
        digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        kept = self.folder / digest.replace(":", "-")
        (kept / "root/task").mkdir(parents=True, exist_ok=True)
        (kept / "root/task/app.py").write_text(text, "utf-8")
        config = {"folder": "/task", "variables": {}, "command": ["app.handler"], "passed_over": []}
        config["platform"] = platform or self.platform
        (kept / "config.json").write_text(json.dumps(config), "utf-8")
        place = self.folder / "tags" / quote(REPOSITORY, safe="") / f"{quote(tag, safe='')}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"digest": digest}), "utf-8")
        return digest

    def publish(self, version: str, fault: str | Mapping[str, str] = "") -> tuple[str, str]:
        """Store an artifact with the image of that tag; returns its id and its manifest's SHA-256."""
        image = ImageRef(REPOSITORY, version, self.build(version, str(fault)))
        self.app.given["registry"].stored[REPOSITORY, version] = image
        return self.store(version, image=image)

    def digests(self) -> list[str]:
        """What callers of each function get, by digest."""
        qualifier = self.connect().table.alias or "$LATEST"
        codes = [self.client.get_function(FunctionName=name, Qualifier=qualifier)["Code"] for name in self.names]
        return [str(code["ResolvedImageUri"]).partition("@")[2] for code in codes]


def in_folder(folder: Path, patch: Any) -> None:
    """Have the sandbox of this process keep its images there."""
    patch.setattr(strict_aws.world(), "folder", folder)
