"""Where things are in the bucket: the keys of the design, letter by letter."""

from __future__ import annotations

from tagship.domain import layout


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
