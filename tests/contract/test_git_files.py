"""The files of a commit: what stands in for a file that is kept elsewhere is refused by its name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagship.adapters.git import GitRepository
from tagship.errors import Refused, UsageError
from tests.checkout import Checkout, git

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 18151\n" % 7


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def committed(checkout: Checkout, **files: bytes) -> str:
    (checkout.work / "app").mkdir(exist_ok=True)
    for name, content in files.items():
        (checkout.work / "app" / name).write_bytes(content)
    git(checkout.work, "add", ".")
    return checkout.commit("Files")


@pytest.mark.parametrize(
    ("content", "keeper"),
    [
        (LFS, "Git LFS"),
        (b"version https://hawser.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
        (b"/annex/objects/SHA256E-s18151--07\n", "git-annex"),
        (b"\0GITCRYPT\0" + bytes(range(200)), "git-crypt"),
    ],
)
def test_a_stand_in_is_refused_by_name(checkout: Checkout, content: bytes, keeper: str) -> None:
    commit = committed(checkout, a=b"whole", model=content, z=b"whole")
    with pytest.raises(Refused) as told:
        list(checkout.repository.files(commit, ["app"]))
    assert told.value.what.startswith(f"app/model is kept by {keeper}: ")
    assert "bundle.include" in told.value.remedy


@pytest.mark.parametrize("content", [b"", b"v", b"version 1.2.3\n", b"# version https://git-lfs.github.com/spec/v1\n"])
def test_what_only_resembles_one_is_carried(checkout: Checkout, content: bytes) -> None:
    commit = committed(checkout, a=content, b=LFS[:-1][::-1], c=b"c" * 100_000)
    carried = {path: (size, read(3) + read(-1)) for path, _, size, read in checkout.repository.files(commit, ["app"])}
    assert carried["app/a"] == (len(content), content)
    assert carried["app/b"][1] == LFS[:-1][::-1]
    assert carried["app/c"] == (100_000, b"c" * 100_000)


def test_what_is_not_read_is_skipped_whatever_was_looked_at(checkout: Checkout) -> None:
    commit = committed(checkout, a=b"a" * 10, b=b"b" * 200_000, c=b"c")
    read = [(path, size) for path, _, size, _ in checkout.repository.files(commit, ["app"])]
    assert read == [("app/a", 10), ("app/b", 200_000), ("app/c", 1)]


def test_a_partial_clone_fetches_what_it_lacks(checkout: Checkout, tmp_path: Path) -> None:
    commit = committed(checkout, a=b"a" * 10, b=b"b" * 200_000)
    checkout.share()
    git(checkout.remote, "config", "uploadpack.allowFilter", "true")
    git(checkout.remote, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{checkout.remote}", "partial")
    repository = GitRepository(tmp_path / "partial", inherited=os.environ)
    carried = [(path, read(-1)) for path, _, _, read in repository.files(commit, ["app"])]
    assert carried == [("app/a", b"a" * 10), ("app/b", b"b" * 200_000)]


def test_files_are_streamed_as_they_are_committed(checkout: Checkout) -> None:
    (checkout.work / "app").mkdir()
    (checkout.work / "app" / "b.bin").write_bytes(bytes(range(256)) * 1000)
    (checkout.work / "app" / "run.sh").write_text("#!/bin/sh\r\n")
    (checkout.work / "app" / "run.sh").chmod(0o755)
    (checkout.work / "app" / "ünï.txt").write_text("")
    (checkout.work / "other").write_text("not asked for")
    git(checkout.work, "add", ".")
    commit = checkout.commit("Files")
    got = [
        (path, bit, size, read(10), read(-1)) for path, bit, size, read in checkout.repository.files(commit, ["app"])
    ]
    assert [one[:3] for one in got] == [
        ("app/b.bin", False, 256_000),
        ("app/run.sh", True, 11),
        ("app/ünï.txt", False, 0),
    ]
    assert got[0][3] + got[0][4] == bytes(range(256)) * 1000
    assert [path for path, *_ in checkout.repository.files(commit, ["app"])] == [one[0] for one in got], (
        "unread is skipped"
    )


def test_the_paths_of_a_commit_are_its_regular_files(checkout: Checkout) -> None:
    (checkout.work / "link").symlink_to("/etc/passwd")
    (checkout.work / "ünï\ttxt").write_text("")
    (checkout.work / "run.sh").write_text("#!/bin/sh\n")
    (checkout.work / "run.sh").chmod(0o755)
    git(checkout.work, "add", ".")
    paths = checkout.repository.paths(checkout.commit("Files"))
    assert paths == sorted(paths)
    assert {"ünï\ttxt", "run.sh"} <= set(paths)
    assert "link" not in paths


def test_files_refuses_links_and_names_a_path_that_is_not_there(checkout: Checkout) -> None:
    (checkout.work / "link").symlink_to("/etc/passwd")
    git(checkout.work, "add", ".")
    commit = checkout.commit("A link")
    with pytest.raises(Refused, match="link is a symbolic link"):
        list(checkout.repository.files(commit, ["link"]))
    with pytest.raises(UsageError, match="no file nowhere"):
        list(checkout.repository.files(commit, ["nowhere"]))


def loose(folder: Path, oid: str) -> Path:
    """Where Git keeps an object that is in no pack."""
    return folder / ".git/objects" / oid[:2] / oid[2:]


def _drained(repository: GitRepository, commit: str, path: str) -> None:
    for _, _, _, read in repository.files(commit, [path]):
        while read(4096):
            pass


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_blob_is_an_error_and_no_shorter_file(tmp_path: Path, damage: str) -> None:
    work = Checkout(tmp_path)
    (work.work / "data").write_bytes(os.urandom(300_000))
    git(work.work, "add", ".")
    commit = work.commit("Data")
    blob = loose(work.work, git(work.work, "rev-parse", "HEAD:data"))
    blob.chmod(0o644)
    if damage == "gone":
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes()[:150_000])
    with pytest.raises(Refused, match=r"git cat-file (failed|returned only a part of data)") as caught:
        _drained(work.repository, commit, "data")
    assert caught.value.remedy.startswith("Look at it: git -C ")


def test_a_list_of_tags_that_git_cannot_give_is_not_an_empty_one(tmp_path: Path) -> None:
    work = Checkout(tmp_path)
    work.commit("One")
    (work.work / ".git/packed-refs").write_text("neither an object nor a name")
    with pytest.raises(Refused, match="git for-each-ref failed: fatal"):
        work.repository.newest("dev", 5)
