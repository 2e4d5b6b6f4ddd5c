"""The archive's bytes: what tar and gzip themselves read, and what never changes."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.domain.bundle import (
    CHUNK,
    DISK,
    REFERENCE,
    Archive,
    Built,
    Gzip,
    Member,
    differs_from_reference,
    header,
    probe,
    sums,
    why_not_in_a_bundle,
)
from tagship.errors import Refused

LONGER = "deep/" * 60 + "n" * 120


def member(
    path: str, content: bytes, executable: bool = False, size: int | None = None, origin: str = "commit"
) -> Member:
    return Member(path, executable, len(content) if size is None else size, io.BytesIO(content).read, origin)


def archive(files: dict[str, bytes], level: int = 6) -> bytes:
    made, gzip_of = Archive(), Gzip(level)
    parts = [chunk for path, content in sorted(files.items()) for chunk in made.add(member(path, content))]
    return b"".join([*(gzip_of.feed(part) for part in (*parts, *made.finish())), gzip_of.finish()])


def test_these_are_the_bytes() -> None:
    """Known by heart: whatever changes them makes every bundle that is published a different one."""
    raw = archive({"VERSION": b"0.1.0-dev\n", "deploy/ec2_deploy.sh": b"#!/bin/sh\n", LONGER: b"long"})
    assert raw[:10].hex() == "1f8b08000000000000ff"
    assert (
        hashlib.sha256(gzip.decompress(raw)).hexdigest()
        == "38e10203bc6a4a9fadb94314cb7910b829d93e2a28651920e0a6e61476876ee8"
    )


@given(st.dictionaries(st.text("abcdé/.-_ ", min_size=1, max_size=300), st.binary(max_size=2000), max_size=5))
@settings(max_examples=60, deadline=None)
def test_tar_reads_back_what_went_in(files: dict[str, bytes]) -> None:
    files = {path: raw for path, raw in files.items() if not why_not_in_a_bundle(path)}
    with tarfile.open(fileobj=io.BytesIO(archive(files)), mode="r:gz") as tar:
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
        ("/etc/passwd", "does not lie below"),
        ("a/../b", "does not lie below"),
        ("./a", "does not lie below"),
        ("a//b", "does not lie below"),
        ("", "does not lie below"),
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


@pytest.mark.parametrize("level", range(1, 10))
def test_a_zlib_that_packs_otherwise_is_noticed(level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = differs_from_reference(level)
    monkeypatch.setitem(REFERENCE, level, "something else")
    assert differs_from_reference(level)
    assert known in {True, False}
    assert len(probe()) == 192 * 1024


def test_bundle_json_comes_back() -> None:
    built = Built("0.1.0-dev", "c0ffee", "ab", 1, "cd", 2, {"VERSION": "ef"})
    assert Built.from_json(built.to_json()) == built


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"sha256": 1, "other": 2}', b"\xff"])
def test_another_json_is_not_taken_for_bundle_json(raw: bytes) -> None:
    with pytest.raises(Refused, match="not what `inv bundle` writes"):
        Built.from_json(raw)
