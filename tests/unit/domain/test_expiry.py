"""Which rules of a lifecycle policy take the images of versions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tagship.domain.expiry import expiries


def policy(**selection: Any) -> str:
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        ({"tagStatus": "untagged", "countType": "sinceImagePushed", "countNumber": 1}, []),
        (
            {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3},
            ["keeps the newest 3 images alone"],
        ),
        ({"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10}, []),
        (
            {"tagStatus": "tagged", "tagPrefixList": ["0."], "countType": "sinceImagePushed", "countNumber": 7},
            ["deletes an image 7 days after its push, even if it serves"],
        ),
        (
            {"tagStatus": "tagged", "tagPatternList": ["*-dev"], "countType": "imageCountMoreThan", "countNumber": 2},
            ["keeps the newest 2 images alone"],
        ),
        ({"tagStatus": "tagged", "tagPrefixList": ["cache-"], "countType": "sinceImagePushed", "countNumber": 7}, []),
    ],
)
def test_a_rule_that_takes_the_images_of_versions_is_said(selection: dict[str, Any], words: list[str]) -> None:
    assert expiries(policy(**selection), ["0.1.30-dev"], 10) == words


def test_without_a_policy_nothing_expires() -> None:
    assert expiries("", ["0.1.30-dev"], 10) == []
