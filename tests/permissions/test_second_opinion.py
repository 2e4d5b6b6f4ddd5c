"""The judge of this folder is judged: iam-simulate says the same of every attempt with every job's token."""

from __future__ import annotations

from pathlib import Path

from tests.attacks.arsenal import REACH
from tests.attacks.test_stolen_tokens import ENVIRONMENTS, place, thief
from tests.permissions.roles import Minutes, Role
from tests.permissions.second_opinion import judged_otherwise


def test_a_second_reader_of_policies_says_the_same_of_every_attempt(tmp_path: Path) -> None:
    minutes, thieves = Minutes(), [thief(role, name) for role in REACH for name in ENVIRONMENTS]
    for each in thieves:
        for name in ENVIRONMENTS:
            _try_all(minutes, each, name)
    assert judged_otherwise(minutes, thieves, tmp_path / "requests.json") == ""


def _try_all(minutes: Minutes, role: Role, environment: str) -> None:
    for request in place(environment).attempts().values():
        minutes.allowed(role, request)
