"""setup: the repositories that it makes let the tags move that the settings move, and no version's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.session import Session

from tagship.errors import Refused
from tagship.verbs.setup import setup
from tests.fakes.app import FakeApp
from tests.unit.verbs.test_setup import Make, account, make  # noqa: F401  (a fixture)

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
LATEST = "latest-{environment}"
SIX = ("dev", "qa", "staging", "preprod", "demo", "prod")


def serving(repositories: dict[str, str], tags: Sequence[str]) -> dict[str, Any]:
    """Environments of one service each, whose image is in a repository with tags that move."""
    return {
        name: {
            "branch": name,
            "ecs": {"cluster": name, "services": {"web": {}}},
            "image": {"repository": f"{REGISTRY}/{repository}", "moving_tags": list(tags)},
        }
        for name, repository in repositories.items()
    }


def excluded(app: FakeApp, stack: str) -> list[str]:
    """The filters of a stack's first repository."""
    text = account(app).stacks[stack].template
    block = re.search(r"^  Images:\n(?: {4}.*\n)+", text, re.MULTILINE)
    assert block
    return re.findall(r"FilterValue: \"?([^\"\n]*)", block[0])


def test_a_repository_that_all_share_lets_the_tags_of_each_move(make: Make) -> None:  # noqa: F811  (the fixture)
    app = make(environments=serving({"dev": "hello", "prod": "hello"}, [LATEST, "edge"]))
    setup(app)
    assert excluded(app, "tagship-hello") == ["cache-*", "latest-dev", "edge", "latest-prod"]
    assert excluded(app, "tagship-hello-dev") == ["cache-*"]  # it is the app's stack that makes it


def test_an_environments_own_lets_its_tags_move(make: Make) -> None:  # noqa: F811  (the fixture)
    app = make(environments=serving({"dev": "hello-dev", "prod": "hello-prod"}, [LATEST]))
    setup(app)
    assert excluded(app, "tagship-hello") == ["cache-*"]
    assert excluded(app, "tagship-hello-dev") == ["cache-*", "latest-dev"]


def test_of_many_environments_the_tags_are_one_filter(make: Make) -> None:  # noqa: F811  (the fixture)
    app = make(environments=serving(dict.fromkeys(SIX, "hello"), [LATEST]))
    setup(app)
    found = excluded(app, "tagship-hello")
    assert found == ["cache-*", "latest-*"]
    most = Session().get_service_model("ecr").shape_for("ImageTagMutabilityExclusionFilters").metadata["max"]
    assert len(found) <= most


@pytest.mark.parametrize(
    "tags", [["{environment}-{environment}"], ["{environment}"], ["0.1.0-{environment}"], ["a", "b", "c", "d", "e"]]
)
def test_a_filter_that_would_let_a_version_move_is_refused(make: Make, tags: list[str]) -> None:  # noqa: F811  (the fixture)
    app = make(environments=serving(dict.fromkeys(SIX, "hello"), tags))
    with pytest.raises(Refused, match="More tags move in hello than ECR has filters for"):
        setup(app)
    assert account(app).stacks == {}
