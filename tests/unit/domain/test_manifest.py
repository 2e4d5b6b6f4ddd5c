"""The manifest: the same bytes each time, readable line by line, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tagship.domain.bundle import HostFiles
from tagship.domain.manifest import BundleRef, ImageRef, Manifest, sha256
from tagship.domain.origin import Origin, written
from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef
from tagship.errors import NotAuthentic

IMAGE = ImageRef("registry.example/hello", "0.1.0-dev", "sha256:" + "a" * 64)
SECRETS = {
    "API_KEY": SecretRef(SSM, "/hello/dev/api-key", "3"),
    "DATABASE_URL": SecretRef(SECRETS_MANAGER, "hello/dev/db", "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "url"),
}
HOST_FILES = HostFiles("tagship", "0.1.0", "23" * 32)
MANIFEST = Manifest(
    "hello",
    "dev",
    "0.1.0-dev",
    "0.1.0-dev",
    "c0ffee",
    "dev",
    "0.1.0-dev",
    "2026-11-20T12:00:00Z",
    "ada@laptop",
    BundleRef("hello/dev/0.1.0-dev/deploy-bundle.tar.gz", "ab" * 32, 10, "cd" * 32, 20),
    {"VERSION": "ef" * 32, "deploy/é": "01" * 32},
)


@pytest.mark.parametrize("manifest", [MANIFEST, replace(MANIFEST, image=IMAGE, secrets=SECRETS, host_files=HOST_FILES)])
def test_a_manifest_comes_back_and_its_bytes_are_canonical(manifest: Manifest) -> None:
    again = Manifest.from_json(manifest.to_json(), "here")
    assert again == manifest
    assert again.to_json() == manifest.to_json()


def test_a_host_reads_it_line_by_line() -> None:
    lines = MANIFEST.to_json().decode("ascii").splitlines()
    assert '  "artifact_id": "0.1.0-dev",' in lines
    assert '    "sums_sha256": "' + "cd" * 32 + '",' in lines
    assert [line for line in lines if line.startswith('  "')] == sorted(
        line for line in lines if line.startswith('  "')
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"schema": 1}',
        b'{"schema": 1, "bundle": 3}',
        json.dumps({**json.loads(MANIFEST.to_json()), "surprise": 1}).encode(),
        json.dumps({k: v for k, v in json.loads(MANIFEST.to_json()).items() if k != "commit"}).encode(),
    ],
)
def test_anything_else_is_no_manifest(raw: bytes) -> None:
    with pytest.raises(NotAuthentic, match="here") as caught:
        Manifest.from_json(raw, "here")
    assert caught.value.exit_code == 5
    assert caught.value.remedy == "Publish the commit under a new number: inv deploy-dev"


def test_what_is_wrong_with_it_is_named_by_its_kind() -> None:
    with pytest.raises(NotAuthentic) as caught:
        Manifest.from_json(b'{"schema": 1}', "here")
    assert caught.value.what == "here is not a manifest (KeyError)."


@pytest.mark.parametrize("part", ["image", "secrets"])
def test_a_manifest_from_before_a_part_was_written_is_read(part: str) -> None:
    value = json.loads(MANIFEST.to_json())
    del value[part]
    assert Manifest.from_json(json.dumps(value).encode(), "here") == MANIFEST


def test_a_later_schema_is_named() -> None:
    raw = json.dumps({**json.loads(MANIFEST.to_json()), "schema": 2}).encode()
    with pytest.raises(NotAuthentic, match="schema 2; this tagship reads schema 1") as caught:
        Manifest.from_json(raw, "here")
    assert caught.value.remedy == ("Use the tagship that published it, or publish the commit again: inv deploy-dev")


def test_a_digest_acts_and_a_tag_is_a_label() -> None:
    assert IMAGE.by_digest == "registry.example/hello@sha256:" + "a" * 64
    assert written({"": IMAGE}) == "registry.example/hello:0.1.0-dev@sha256:" + "a" * 64
    assert written({}) == ""


def test_sha256_is_hex() -> None:
    assert sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_an_origin_travels_as_ascii_metadata_and_comes_back() -> None:
    origin = Origin(
        "c0ffee", "feature/größe 100%", "2026-11-20T12:00:00Z", "", "51", "Ada <ada@laptop>", "https://x/1?a=b"
    )
    assert all(value and value.isascii() and value.isprintable() for value in origin.metadata().values())
    assert set(origin.metadata()) >= {"commit-sha", "branch", "build-time", "workflow-run-id", "pr-number"}
    assert Origin.read(origin.metadata()) == origin


def test_metadata_without_one_of_its_parts_is_no_origin() -> None:
    whole = Origin("c0ffee", "dev", "2026-11-20T12:00:00Z").metadata()
    assert Origin.read({}) is None
    assert Origin.read({key: value for key, value in whole.items() if key != "build-time"}) is None
