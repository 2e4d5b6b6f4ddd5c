"""What `init` pins: exactly what tagship needs, at the versions and hashes that tagship itself is tested with."""

from __future__ import annotations

import re

from scripts.lock import TOP, locks, pins
from tagship.scaffold.rendering import template

NAMES = ("requirements.txt", "requirements-sandbox.txt", "requirements-build.txt", "requirements-attestations.txt")


def packages(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE))


def test_they_are_up_to_date() -> None:
    """After a change of constraints.txt: python -m scripts.lock."""
    assert {name: template(name) for name in NAMES} == locks()


def test_every_line_has_the_hashes_of_constraints_txt() -> None:
    known = pins()
    for name in NAMES:
        assert all(known[package] in template(name) for package in packages(template(name)))


def test_the_base_has_what_every_verb_needs_and_nothing_of_the_sandbox_or_the_tests() -> None:
    base, sandbox, build, attesting = (packages(template(name)) for name in NAMES)
    assert {"sigstore", "tuf", "rfc3161-client"} <= attesting
    assert not attesting & (base | sandbox | build)
    assert {"boto3", "gitpython", "invoke", "jinja2", "pydantic", "rich", "zlib-ng"} <= base
    assert {"moto", "flask", "pyyaml"} <= sandbox
    assert not base & sandbox
    assert not base & build
    assert "hatchling" in build
    assert not {"pytest", "mypy", "ruff", "nox"} & (base | sandbox)


def test_the_base_is_the_lock_that_this_repository_s_own_ci_installs() -> None:
    assert template("requirements.txt") == (TOP / "constraints-runtime.txt").read_text("utf-8")
