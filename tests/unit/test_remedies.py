"""Remedies can be pasted: each has its command last on its line. Every error of every unit test is held to that."""

from __future__ import annotations

import pytest

from tagship.domain.text import either
from tests.unit.house.remedies import unpasteable

PASTEABLE = (
    "Run it again",
    "See what runs: inv status --env dev",
    either("Wait for it: inv deploy --version 0.1.0-dev --wait 10m", "Or see who holds it: inv lock --env dev"),
    "Freeze it: inv freeze --env dev --until 8h --reason 'the sale (and more), then'",
    "Go there: cd /tmp/hello && inv sandbox up",
    "commit it, or put it away: git stash --include-untracked",
    "See what it takes: inv deploy --help",
)
NOT_PASTEABLE = (
    "git stash --include-untracked   (or commit it)",
    "Resume it: inv resume --env dev (or wait)",
    "Look: inv status --env dev; then: inv rollback --to 0.1.0-dev",
    "git pull --ff-only origin dev, then inv deploy-dev",
    "Look at it: inv status --env dev.",
    "Ship it: inv deploy-dev or wait",
)


@pytest.mark.parametrize("remedy", PASTEABLE)
def test_a_remedy_with_its_command_last_can_be_pasted(remedy: str) -> None:
    assert not unpasteable(remedy)


@pytest.mark.parametrize("remedy", NOT_PASTEABLE)
def test_words_behind_a_command_are_found(remedy: str) -> None:
    assert unpasteable(remedy)
