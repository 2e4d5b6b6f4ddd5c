"""The archive's bytes: what tar itself reads, and what never changes."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.domain.bundle import (
    CHUNK,
    DISK,
    Archive,
    Built,
    Member,
    difference,
    header,
    sums,
    why_not_in_a_bundle,
)
from tagship.errors import Refused

LONGER = "deep/" * 60 + "n" * 120


def member(
    path: str, content: bytes, executable: bool = False, size: int | None = None, origin: str = "commit"
) -> Member:
    return Member(path, executable, len(content) if size is None else size, io.BytesIO(content).read, origin)


def archive(files: dict[str, bytes]) -> bytes:
    made = Archive()
    parts = [chunk for path, content in sorted(files.items()) for chunk in made.add(member(path, content))]
    return b"".join([*parts, *made.finish()])


def test_these_are_the_bytes() -> None:
    """Known by heart: whatever changes them makes every bundle that is published a different one."""
    raw = archive({"VERSION": b"0.1.0-dev\n", "deploy/ec2_deploy.sh": b"#!/bin/sh\n", LONGER: b"long"})
    assert hashlib.sha256(raw).hexdigest() == "f355639a1e84c495f868b0d89451bc4a388e9705e4f4d8f3d8d2351c0ed53fab"


@given(st.dictionaries(st.text("abcdé/.-_ ", min_size=1, max_size=300), st.binary(max_size=2000), max_size=5))
@settings(max_examples=60, deadline=None)
def test_tar_reads_back_what_went_in(files: dict[str, bytes]) -> None:
    files = {path: raw for path, raw in files.items() if not why_not_in_a_bundle(path)}
    with tarfile.open(fileobj=io.BytesIO(archive(files)), mode="r:") as tar:
        found = {one.name: tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr]
    assert found == {
        **files,
        "SHA256SUMS": sums({path: hashlib.sha256(raw).hexdigest() for path, raw in files.items()}),
    }


def test_a_large_file_streams_in_chunks() -> None:
    asked: list[int] = []
    content = io.BytesIO(bytes(5 * CHUNK + 3))

    def read(count: int) -> bytes:
        asked.append(count)
        return content.read(count)

    made = Archive()
    list(made.add(Member("large", False, 5 * CHUNK + 3, read, "commit")))
    assert asked == [CHUNK] * 5 + [3]
    assert made.files["large"] == hashlib.sha256(bytes(5 * CHUNK + 3)).hexdigest()


def test_what_was_unpacked_is_counted() -> None:
    made = Archive()
    list(made.add(member("a", b"12345")))
    end = b"".join(made.finish())
    assert end
    assert made.unpacked == 5 + len(sums(made.files))


@pytest.mark.parametrize(("content", "size"), [(b"123", 8), (b"123456789", 8), (b"1", 0)])
def test_a_file_that_shrinks_or_grows_while_it_is_read_is_refused(content: bytes, size: int) -> None:
    with pytest.raises(Refused, match="log changed while it was read"):
        list(Archive().add(member("log", content, size=size, origin=DISK)))


def test_a_path_twice_is_refused_and_both_sources_can_be_found() -> None:
    made = Archive()
    list(made.add(member("same", b"1")))
    with pytest.raises(Refused, match="same would be in the bundle twice; the second time from tagship"):
        list(made.add(member("same", b"2", origin="tagship")))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a/b.txt", ""),
        ("with space/é", ""),
        ("/etc/passwd", "is not below"),
        ("a/../b", "is not below"),
        ("./a", "is not below"),
        ("a//b", "is not below"),
        ("", "is not below"),
        ("a\nb", "line break"),
        ("a\\b", "backslash"),
        ("a\x1b[31m", "control character"),
        ("caf\udce9", "not UTF-8"),
        ("x\N{REPLACEMENT CHARACTER}", "not UTF-8"),
        ("SHA256SUMS", "tagship itself"),
    ],
)
def test_which_paths_a_bundle_carries(path: str, reason: str) -> None:
    assert reason in why_not_in_a_bundle(path)
    assert bool(reason) == bool(why_not_in_a_bundle(path))


def test_a_header_is_posix_ustar() -> None:
    read = tarfile.TarInfo.frombuf(header("deploy/x.sh", 10, 0o755, 0), "utf-8", "strict")
    assert (read.name, read.size, read.mode, read.uid, read.gid, read.mtime) == ("deploy/x.sh", 10, 0o755, 0, 0, 0)
    assert header("x", 1, 0o644, 0)[257:265] == b"ustar\x0000"


def test_sums_are_in_path_order_as_sha256sum_writes_them() -> None:
    assert sums({"b": "22", "a": "11"}) == b"11  a\n22  b\n"


@pytest.mark.parametrize(
    ("built", "sentence"),
    [
        (
            {"app/a": "1", "deploy/environments/dev.conf": "1"},
            (
                "Every file has the same content: an executable bit differs, "
                "or the compression (bundle.level, or another version of tagship)."
            ),
        ),
        (
            {"app/a": "1", "deploy/environments/dev.conf": "2"},
            "Only the configuration differs: deploy/environments/dev.conf.",
        ),
        (
            {"app/b": "1", "deploy/environments/dev.conf": "2"},
            (
                "These files differ: app/a (only in the stored one), app/b (only in this one), "
                "deploy/environments/dev.conf."
            ),
        ),
        (
            {"app/a": "1", "deploy/environments/dev.conf": "1", **{f"app/{n}": "1" for n in range(8)}},
            (
                "These files differ: app/0 (only in this one), app/1 (only in this one), "
                "app/2 (only in this one), app/3 (only in this one), app/4 (only in this one) and 3 more."
            ),
        ),
    ],
    ids=["the same files", "configuration", "files", "many files"],
)
def test_how_two_bundles_differ_is_one_sentence(built: dict[str, str], sentence: str) -> None:
    assert difference({"app/a": "1", "deploy/environments/dev.conf": "1"}, built, "deploy/environments") == sentence


@pytest.mark.parametrize("size", [0, 8 * 1024**3, 100 * 1024**3])
def test_a_file_of_any_size_has_a_header_that_tar_reads(size: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(header("large", size, 0o644, 0)), mode="r:") as tar:
        entry = tar.next()
    assert entry is not None
    assert (entry.name, entry.size) == ("large", size)


def test_bundle_json_comes_back() -> None:
    built = Built("0.1.0-dev", "c0ffee", "ab", 1, "cd", 2, {"VERSION": "ef"})
    assert Built.from_json(built.to_json()) == built


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"sha256": 1, "other": 2}', b"\xff"])
def test_another_json_is_not_taken_for_bundle_json(raw: bytes) -> None:
    with pytest.raises(Refused, match="tagship did not write it"):
        Built.from_json(raw)
