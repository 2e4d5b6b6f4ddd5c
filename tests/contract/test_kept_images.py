"""An image that is kept from one version to the next, at Debian's docker-registry: asked for, tagged, gone.

skopeo, which shares no line with our client, pushes the image, reads what has the new tag, and deletes it.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from tagship.adapters.aws.ecr import Ecr
from tagship.adapters.docker import Docker
from tagship.domain.inputs import Inputs
from tagship.domain.manifest import ImageRef
from tagship.ports.app import App
from tagship.release.unchanged import Before, same_as
from tests.contract.registries import PASSWORD, USER, Layout, TokenServer, an_image, an_index, debian, served
from tests.contract.test_oci import needs_debian, pushed, skopeo

CREDS = f"{USER}:{PASSWORD}"
FIRST, SECOND = "0.1.0-dev", "0.1.1-dev"


@dataclass
class Running:
    """Of the manifest that runs, what is asked of it here."""

    artifact_id: str
    every_image: dict[str, ImageRef]


@dataclass
class Asking:
    """An app that has a registry and nothing else."""

    registry: Ecr


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("registry")
    with ExitStack() as stack:
        realm = stack.enter_context(served(TokenServer(folder).handler))
        yield stack.enter_context(debian(folder, realm))


def registry(host: str, folder: Path) -> Ecr:
    """The adapter, with what `docker login` left."""
    auth = base64.b64encode(CREDS.encode()).decode()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    aws: Any = None  # no image of ECR is asked for
    return Ecr(aws, Docker({"DOCKER_CONFIG": str(folder)}))


@needs_debian
@pytest.mark.parametrize("layout", [an_image(b"kept"), an_index()], ids=["image", "index"])
def test_the_digest_gets_the_new_tag_byte_for_byte_and_is_missed_once_it_is_gone(
    host: str, layout: Layout, tmp_path: Path
) -> None:
    name = f"shop/{layout.digest[7:19]}"
    pushed(layout, tmp_path / "layout", host, f"{name}:{FIRST}")
    stock = registry(host, tmp_path / "docker")
    found = stock.find(f"{host}/{name}", FIRST)
    assert found
    image = replace(found, inputs="a digest")
    before = Before(cast(Any, Running(FIRST, {"": image})))
    app = cast(App, Asking(stock))

    same = same_as(app, before, "", image.repository, Inputs("a digest"))
    assert (same.image, same.of) == (image, FIRST)
    stock.tag(image, SECOND)
    again = stock.find(image.repository, SECOND)
    assert again
    assert again.digest == layout.digest
    there = f"docker://{host}/{name}"
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"--creds={CREDS}", f"{there}:{SECOND}")
    assert raw == layout.manifests[layout.digest][0]

    subprocess.run(
        ["skopeo", "delete", "--tls-verify=false", f"--creds={CREDS}", f"{there}@{layout.digest}"],
        check=True, capture_output=True,
    )  # fmt: skip
    gone = same_as(app, before, "", image.repository, Inputs("a digest"))
    assert gone.image is None
    assert gone.why.endswith("but the registry no longer has it")


@needs_debian
def test_a_registry_that_does_not_answer_is_no_reason_to_believe_it(tmp_path: Path) -> None:
    host = "127.0.0.1:9"  # nobody listens there
    stock = registry(host, tmp_path / "docker")
    image = ImageRef(f"{host}/x", FIRST, "sha256:" + "a" * 64, inputs="a digest")
    stock = replace(stock, sleep=lambda _seconds: None)
    same = same_as(
        cast(App, Asking(stock)),
        Before(cast(Any, Running(FIRST, {"": image}))),
        "",
        image.repository,
        Inputs("a digest"),
    )
    assert same.image is None
    assert "the registry does not say whether that image exists" in same.why
