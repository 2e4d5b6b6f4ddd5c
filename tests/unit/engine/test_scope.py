"""Which version is meant, and what is said if none is: a command that can be pasted, with a version that exists."""

from __future__ import annotations

import pytest

from tagship.engine.scope import named
from tagship.errors import SettingsError, UsageError
from tagship.ports.repository import Tag
from tagship.verbs.why_not import why_not
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.repository import FakeRepository


def app_with(*versions: str) -> FakeApp:
    repository = FakeRepository()
    for version in versions:
        repository.local[version] = Tag(version, "0" * 40, "c0ffee")
    two = {**environments(), "prod": environments(branch="main")["dev"]}
    return FakeApp(given={"repository": repository}, settings=settings(environments=two))


def remedy(app: FakeApp, text: str, env: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        named(app, text, env)
    return caught.value.remedy


@pytest.mark.parametrize("text", ["", "0.1"])
def test_a_version_that_is_missing_or_none_is_answered_with_the_latest_that_exists(text: str) -> None:
    app = app_with("0.1.0-dev", "0.1.10-dev", "0.1.9-dev", "0.3.0-prod")
    assert remedy(app, text) == "Name it, the latest of dev: --version 0.1.10-dev"
    assert remedy(app, text, "prod") == "Name it, the latest of prod: --version 0.3.0-prod"


def test_where_no_version_is_known_the_command_lists_them() -> None:
    assert remedy(app_with(), "") == "Find one: inv versions --env dev"


def test_a_version_that_stands_without_a_flag_is_named_in_the_whole_command() -> None:
    with pytest.raises(UsageError) as caught:
        why_not(app_with("0.1.0-dev"), env="dev", version="x")
    assert caught.value.remedy == "Name it, the latest of dev: inv why-not dev 0.1.0-dev"


@pytest.mark.parametrize("artifact", ["", "0.1.30-dev", "no version"])
def test_an_environment_that_is_not_there_is_said_before_a_remedy_repeats_it(artifact: str) -> None:
    with pytest.raises(SettingsError, match="has no environment 'nope'") as caught:
        named(FakeApp(), artifact, "nope")
    assert "nope" not in caught.value.remedy
