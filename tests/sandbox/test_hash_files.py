"""hashFiles() of expressions: which files, and in which order."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from tagship.sandbox.actions.expressions import ExpressionError, Scope, evaluate, render
from tagship.sandbox.actions.hash_files import hash_files, hash_files_in

TREE = ("a.lock", "b/a.lock", "b/c/.hidden.lock", "b/c/x.txt", "b.txt", "d/x[1].txt", "e f/x.txt")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def expected(*names: str) -> str:
    digests = (sha256(name.encode()).digest() for name in names)
    return sha256(b"".join(digests)).hexdigest() if names else ""


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("*.lock", ["a.lock"]),
        ("**/*.lock", ["a.lock", "b/a.lock", "b/c/.hidden.lock"]),
        ("b", ["b/a.lock", "b/c/.hidden.lock", "b/c/x.txt"]),
        ("b/", ["b/a.lock", "b/c/.hidden.lock", "b/c/x.txt"]),
        ("b.txt/", []),
        ("./b/**", ["b/a.lock", "b/c/.hidden.lock", "b/c/x.txt"]),
        ("**", ["a.lock", "b/a.lock", "b/c/.hidden.lock", "b/c/x.txt", "b.txt", "d/x[1].txt", "e f/x.txt"]),
        ("**/?.txt\n# a comment\n\n!b/**", ["b.txt", "e f/x.txt"]),
        ("!b\nb/a.lock", ["b/a.lock"]),
        ("b/**/x.txt", ["b/c/x.txt"]),
        ("b.txt\na.lock", ["b.txt", "a.lock"]),
        ("b/c/x.txt\nb", ["b/a.lock", "b/c/.hidden.lock", "b/c/x.txt"]),
        (r"d/x\[1\].txt", ["d/x[1].txt"]),
        ("d/x[[]1].txt", ["d/x[1].txt"]),
        ("[!b-z].lock", ["a.lock"]),
        ("[^a].txt", ["b.txt"]),
        ("A.lock", []),
        ("none/**", []),
        ("", []),
    ],
)
def test_files_are_selected_and_hashed_in_githubs_order(workspace: Path, patterns: str, names: list[str]) -> None:
    assert hash_files(workspace, patterns) == expected(*names)


def test_an_expression_hashes_the_files_of_its_jobs_workspace(workspace: Path) -> None:
    scope = Scope({"github": {"workspace": str(workspace)}}, functions={"hashfiles": hash_files_in(workspace)})
    assert evaluate("hashFiles('b.txt', '*.lock')", scope) == expected("a.lock", "b.txt")
    assert render("k-${{ HASHFILES(format('{0}/b.txt', github.workspace)) }}", scope) == f"k-{expected('b.txt')}"


def test_links_to_folders_are_followed_only_if_asked_and_never_in_a_circle(workspace: Path) -> None:
    os.symlink("b", workspace / "link")
    os.symlink("..", workspace / "b/up")
    scope = Scope({}, functions={"hashfiles": hash_files_in(workspace)})
    assert evaluate("hashFiles('link/**')", scope) == ""
    followed = ["b/a.lock", "b/c/.hidden.lock", "b/c/x.txt"]
    assert evaluate("hashFiles('--follow-symbolic-links', 'link/*.lock', 'link/c')", scope) == expected(*followed)


@pytest.mark.parametrize("patterns", ["../x", "/etc/passwd", "~/x", "b/./a.lock", "[z-a]"])
def test_a_pattern_that_cannot_be_searched_is_an_error(workspace: Path, patterns: str) -> None:
    with pytest.raises(ExpressionError, match="hashFiles"):
        hash_files(workspace, patterns)


def test_a_file_that_cannot_be_read_is_an_error(workspace: Path) -> None:
    os.symlink("nowhere", workspace / "broken")
    with pytest.raises(ExpressionError, match="broken"):
        hash_files(workspace, "broken")
