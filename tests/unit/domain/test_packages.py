"""What lock files pin, and what a Dockerfile is built on."""

from __future__ import annotations

import base64
import json

import pytest

from tagship.domain.image import base_of
from tagship.domain.packages import NotALock, PinnedPackage, is_lock, packages

A, B = "a" * 64, "b" * 64
PINNED = f"python:3.12@sha256:{A}"

REQUIREMENTS = f"""\
# by pip-compile
--index-url https://packages.example/simple
Zope.Interface[test]==7.0 ; python_version >= "3.11" \\
    --hash=sha256:{B} \\
    --hash=sha256:{A}
plain==1.0  # via hello
ranged>=2
-e .
"""
UV = f"""\
version = 1
[[package]]
name = "hello"
version = "0.1.0"
source = {{ editable = "." }}
[[package]]
name = "idna"
version = "3.10"
source = {{ registry = "https://pypi.org/simple" }}
sdist = {{ url = "https://x/idna.tar.gz", hash = "sha256:{A}", size = 1 }}
wheels = [{{ url = "https://x/idna.whl", hash = "sha256:{B}" }}]
"""
POETRY = f"""\
[[package]]
name = "idna"
version = "3.10"
files = [{{ file = "idna.whl", hash = "sha256:{A}" }}]
"""
INTEGRITY = "sha512-" + base64.b64encode(bytes(64)).decode()
NPM = json.dumps(
    {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "hello", "version": "1.0.0"},
            "node_modules/@types/node": {"version": "22.1.0", "integrity": INTEGRITY},
            "node_modules/a/node_modules/b": {"version": "2.0.0"},
            "node_modules/linked": {"resolved": "packages/linked", "link": True},
            "packages/linked": {"version": "0.0.1"},
        },
    }
)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (
            "app/requirements.txt",
            REQUIREMENTS,
            [
                PinnedPackage("pypi", "plain", "1.0"),
                PinnedPackage("pypi", "zope-interface", "7.0", (("SHA-256", A), ("SHA-256", B))),
            ],
        ),
        (
            "constraints.txt",
            f"idna==3.10 --hash=sha256:{A}\n",
            [PinnedPackage("pypi", "idna", "3.10", (("SHA-256", A),))],
        ),
        ("uv.lock", UV, [PinnedPackage("pypi", "idna", "3.10", (("SHA-256", A), ("SHA-256", B)))]),
        ("poetry.lock", POETRY, [PinnedPackage("pypi", "idna", "3.10", (("SHA-256", A),))]),
        (
            "web/package-lock.json",
            NPM,
            [
                PinnedPackage("npm", "@types/node", "22.1.0", (("SHA-512", "00" * 64),)),
                PinnedPackage("npm", "b", "2.0.0"),
            ],
        ),
    ],
)  # fmt: skip
def test_a_lock_file_names_packages_with_their_hashes(path: str, text: str, expected: list[PinnedPackage]) -> None:
    assert is_lock(path)
    assert packages(path, text.encode()) == expected


@pytest.mark.parametrize("path", ["requirements.in", "pyproject.toml", "uv.lock.bak", "README.md", "package.json"])
def test_other_files_are_no_locks(path: str) -> None:
    assert not is_lock(path)


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("uv.lock", b"[[package"),
        ("uv.lock", b'package = [{ source = { registry = "x" } }]'),
        ("poetry.lock", b'package = ["x"]'),
        ("package-lock.json", b"[]"),
        ("package-lock.json", b'{"lockfileVersion": 1, "dependencies": {}}'),
        ("package-lock.json", b'{"packages": {"node_modules/a": {"version": "1", "integrity": "sha512-*"}}}'),
        ("requirements.txt", b"\xff\xfe"),
    ],
)
def test_one_of_another_form_is_unreadable(path: str, raw: bytes) -> None:
    with pytest.raises(NotALock):
        packages(path, raw)


@pytest.mark.parametrize(
    ("dockerfile", "base"),
    [
        (f"FROM {PINNED}\nRUN x\n", PINNED),
        (f"# FROM x@sha256:{B}\nfrom --platform=linux/amd64 {PINNED} as Build\nFROM build\n", PINNED),
        (f"FROM {PINNED} AS build\nFROM debian:13\nCOPY --from=build /x /x\n", ""),
        (f"ARG BASE={PINNED}\nFROM $BASE\n", ""),
        (f"FROM $NAME@sha256:{A}\n", ""),
        ("FROM python:3.12\n", ""),
        ("", ""),
    ],
)
def test_the_base_image_is_known_if_the_last_stage_pins_it(dockerfile: str, base: str) -> None:
    assert base_of(dockerfile) == base
