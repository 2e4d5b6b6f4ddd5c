"""A sandbox's repository: a remote that is not the sandbox's own is not talked to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.adapters.git import GitRepository
from tagship.errors import UsageError
from tagship.ports.repository import Tag
from tests.checkout import Checkout, git


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    made.commit("Work")
    return made


def confined(checkout: Checkout, folder: Path) -> GitRepository:
    return GitRepository(checkout.work, inherited=os.environ, inside=folder)


TALKS: dict[str, Callable[[GitRepository, str, Tag], object]] = {
    "fetch": lambda repository, _head, _tag: repository.fetch("dev", "dev"),
    "look": lambda repository, _head, tag: repository.remote_tag(tag.name),
    "push": lambda repository, head, tag: repository.push(head, "dev", tag),
    "undo": lambda repository, _head, tag: repository.undo(tag),
}


@pytest.mark.parametrize("talk", TALKS.values(), ids=TALKS)
def test_a_remote_outside_the_sandbox_is_refused_by_name(
    checkout: Checkout, tmp_path: Path, talk: Callable[[GitRepository, str, Tag], object]
) -> None:
    repository = confined(checkout, tmp_path / ".tagship/sandbox")
    tag = repository.create_tag("0.1.0-dev", checkout.head, "hello")
    before = checkout.there()
    with pytest.raises(UsageError) as caught:
        talk(repository, checkout.head, tag)
    assert f"origin is {checkout.remote}, and a sandbox touches nothing outside" in caught.value.what
    assert caught.value.remedy == f"Use the practice clone: cd {tmp_path / '.tagship/sandbox/work'}"
    assert checkout.there() == before


def test_a_push_url_outside_the_sandbox_is_refused_too(checkout: Checkout) -> None:
    git(checkout.work, "remote", "set-url", "--push", "origin", "git@github.com:acme/hello.git")
    with pytest.raises(UsageError, match=r"origin is git@github.com:acme/hello.git"):
        confined(checkout, checkout.folder).fetch("dev", "dev")


def test_the_sandboxes_own_origin_is_talked_to(checkout: Checkout) -> None:
    repository = confined(checkout, checkout.folder)
    tag = repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert repository.push(checkout.head, "dev", tag).ok
    assert "refs/tags/0.1.0-dev" in checkout.there()
