"""What an image is made of: when the same files may make another image, and what a .dockerignore leaves out."""

from __future__ import annotations

import pytest

from tagship.domain.inputs import Ignored, digest_of, why_never_the_same

PIN = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    "dockerfile",
    [
        f"FROM python:3.12{PIN}\nCOPY . .\n",
        "FROM scratch\nCOPY . .\n",
        f"from --platform=linux/arm64 python{PIN} as build\nFROM build\nCOPY --from=build /x /x\nCOPY --from=0 /y /y\n",
        f"FROM python{PIN}\nARG BUILD_TIME\nARG BRANCH\nARG WORKFLOW_RUN_ID\nARG PR_NUMBER=0\nLABEL x=$BUILD_TIME\n",
        f"FROM python{PIN}\n# ARG VERSION\n# FROM python:3.12\nENV VERSION=unknown\n",
        f"FROM python{PIN}\nCOPY --from=busybox{PIN} /bin /bin\nRUN --mount=type=cache,target=/c make\n",
        f"FROM python{PIN}\nARG APP_VERSIONS=2\n",
    ],
)
def test_the_same_files_make_the_same_image(dockerfile: str) -> None:
    assert why_never_the_same(dockerfile) == ""


@pytest.mark.parametrize(
    ("dockerfile", "why"),
    [
        ("FROM python:3.12\n", "built on python:3.12, which may have moved"),
        (f"FROM python{PIN} AS a\nFROM node:22\n", "built on node:22"),
        ("ARG BASE=python\nFROM $BASE\n", "built on $BASE"),
        (f"FROM python{PIN}\nCOPY --from=busybox:1 /bin /bin\n", "built on busybox:1"),
        (f"FROM python{PIN}\nRUN --mount=type=bind,from=node:22,target=/x true\n", "built on node:22"),
        (f"FROM python{PIN}\nARG VERSION\n", "declares VERSION"),
        (f"FROM python{PIN}\narg VERSION=dev\n", "declares VERSION"),
        (f"FROM python{PIN}\nARG BRANCH COMMIT_SHA\n", "declares COMMIT_SHA"),
        (f"FROM python{PIN}\nADD https://example.com/x.tar /x\n", "adds what it downloads"),
        (f"FROM python{PIN}\nADD git@github.com:acme/x.git /x\n", "adds what it downloads"),
        (f"FROM python{PIN}\nRUN --mount=type=secret,id=key ./x\n", "takes secrets"),
    ],
)
def test_the_same_files_may_make_another_image(dockerfile: str, why: str) -> None:
    assert why in why_never_the_same(dockerfile)


@pytest.mark.parametrize(
    ("pattern", "left_out", "kept"),
    [
        ("*.md", ["README.md"], ["docs/README.md", "README.mdx"]),
        ("**/*.md", ["README.md", "a/b/README.md"], ["README.mdx"]),
        ("docs", ["docs", "docs/a/b"], ["a/docs", "docs2"]),
        ("/docs/", ["docs/a"], ["a/docs/b"]),
        ("**/node_modules", ["node_modules/a", "x/y/node_modules/z"], ["x/node_modules2"]),
        ("*/temp*", ["a/temporary", "a/temp/b"], ["temp", "a/b/temp"]),
        ("temp?", ["tempa"], ["temp", "tempab"]),
        ("build/**", ["build/a", "build/a/b"], ["build"]),
        ("# comment", [], ["# comment", "comment"]),
    ],
)
def test_a_dockerignore_leaves_out_what_docker_does(pattern: str, left_out: list[str], kept: list[str]) -> None:
    ignored = Ignored.read(f"\n{pattern}\n")
    assert [path for path in left_out if not ignored.has(path)] == []
    assert [path for path in kept if ignored.has(path)] == []


@pytest.mark.parametrize("text", ["*\n!src\n", "[a-z].md\n", "a\\ b\n", "../x\n"])
def test_of_one_that_is_not_plain_every_file_counts(text: str) -> None:
    assert not Ignored.read(f"docs\n{text}").has("docs/a")


def test_the_digest_is_of_files_and_recipe() -> None:
    plain = digest_of({"a": "1"}, target="")
    assert plain == digest_of({"a": "1"}, target="")
    assert (
        len(
            {
                plain,
                digest_of({"a": "2"}, target=""),
                digest_of({"b": "1"}, target=""),
                digest_of({"a": "1"}, target="x"),
            }
        )
        == 4
    )
