"""Where things are in the bucket: the keys of the design, letter by letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tagship.domain import layout

PAGE = (Path(__file__).parents[3] / "docs/architecture.md").read_text("utf-8")
OF_ARTIFACTS = (
    *(layout.BUNDLE, layout.MANIFEST, layout.SIGNATURE, layout.PROVENANCE, layout.SBOM, layout.ATTESTATIONS),
    *(layout.package("api"), layout.static("site"), layout.static_files("site"), layout.signature_by("0a1b")),
)
KEYS = (
    *(layout.artifact("hello", "dev", "0.1.0-dev", name) for name in OF_ARTIFACTS),
    layout.ledger_entry("hello", "dev", "20261120-155301-42", 2, "started"),
    layout.index_segment("hello", "dev", "20261120-155301-42", "20261121-155301-92"),
    layout.mark("hello", "dev", "20261120-155301"),
    layout.lease("hello", "production"),
    layout.fence("hello", "dev"),
    layout.freeze("hello", "dev"),
    layout.notified("hello", "dev", "20261120-155301-42", "team-1"),
    layout.pointer("hello", "dev"),
    layout.group("hello", "dev", "web"),
    layout.static_presence("hello", "dev", "site"),
    layout.preview("hello", "pr-51"),
    layout.state("hello", "dev"),
    layout.at_work("hello", "dev") + "4711.json",
    layout.plans("hello", "dev") + "0a1b.tfplan",
)


def test_an_artifact_is_three_objects_under_its_id() -> None:
    names = (layout.BUNDLE, layout.MANIFEST, layout.SIGNATURE)
    assert [layout.artifact("hello", "dev", "0.1.30-dev", name) for name in names] == [
        "hello/dev/0.1.30-dev/deploy-bundle.tar.gz",
        "hello/dev/0.1.30-dev/manifest.json",
        "hello/dev/0.1.30-dev/manifest.sig",
    ]
    assert all(
        layout.artifact("hello", "dev", "x", name).startswith(layout.artifacts("hello", "dev")) for name in names
    )


def test_the_ledger_sorts_by_deployment_then_by_number() -> None:
    key = layout.ledger_entry("hello", "dev", "20261120-155301-123456-9f3a1c", 2, "started")
    assert key == "hello/_ledger/dev/20261120-155301-123456-9f3a1c/2-started.json"
    assert key.startswith(layout.ledger("hello", "dev"))


def test_lease_and_freeze_are_one_object_an_environment() -> None:
    assert layout.lease("hello", "dev") == "hello/_lease/dev.json"
    assert layout.freeze("hello", "dev") == "hello/_freeze/dev.json"


def test_older_layouts_are_known() -> None:
    assert layout.legacy_bundles("hello", "dev", "0.1.1-dev") == ["bundles/dev/deploy-bundle-0.1.1-dev.tar.gz"]
    assert layout.legacy_bundles("api", "pr-51", "x")[1:] == ["api/pr-51/api-deployment.tar.gz"]


def documented() -> list[re.Pattern[str]]:
    """Each key of the table in docs/architecture.md, with any name where it has <a name>."""
    rows = re.findall(r"^\| (`<app>/[^|]*) \|", PAGE, re.M)
    keys = []
    for row in rows:
        first, *others = re.findall(r"`([^`]+)`", row)
        keys += [first, *(re.sub(r"\.[^./]*$", "", first) + other.removeprefix("…") for other in others)]
    return [re.compile(re.sub(r"<[^>]+>", "[^/]+", key.replace(".", r"\.")) + "$") for key in keys]


@pytest.mark.parametrize("key", KEYS)
def test_the_architectures_page_says_what_is_stored_there(key: str) -> None:
    assert any(pattern.match(key) for pattern in documented())


def test_every_function_that_spells_a_key_is_among_those() -> None:
    spelled = {
        name
        for name, made in vars(layout).items()
        if callable(made) and getattr(made, "__module__", "") == layout.__name__
    }
    older, parts = {"legacy_archives", "legacy_bundles"}, {"artifacts", "ledger", "index", "marks", "previews"}
    read, named = {"environment_of"}, {"package", "static", "static_files", "objects_of_set", "signature_by"}
    own = {"artifact", "ledger_entry", "index_segment", "mark", "lease", "fence", "freeze", "notified", "pointer"}
    own |= {"group", "static_presence", "preview", "state", "at_work", "plans"}
    assert spelled == older | parts | read | named | own
