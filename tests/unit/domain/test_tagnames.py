"""Tags' names: a prefix and a version; which names are an app's, and which prefixes a repository has."""

from __future__ import annotations

import re

import pytest

from tagship.domain.tagnames import PREFIX, TagNames, prefixes
from tagship.domain.version import Version


@pytest.mark.parametrize(
    ("prefix", "name", "version"),
    [
        ("", "0.1.0-dev", Version(0, 1, 0, "dev")),
        ("v", "v0.1.0-dev", Version(0, 1, 0, "dev")),
        ("api/v", "api/v1.0.0", Version(1, 0, 0)),
        ("v", "0.1.0-dev", None),
        ("", "v0.1.0-dev", None),
        ("v", "vv0.1.0-dev", None),
        ("v", "v-api-0.1.0-dev", None),
        ("api-", "web-0.1.0-dev", None),
        ("api-", "api-v0.1.0-dev", None),
    ],
)
def test_a_name_is_an_apps_with_its_very_prefix_alone(prefix: str, name: str, version: Version | None) -> None:
    assert TagNames(prefix).version(name) == version


@pytest.mark.parametrize(
    ("prefix", "given", "text"),
    [
        ("v", "v0.1.0-dev", "0.1.0-dev"),
        ("v", "0.1.0-dev", "0.1.0-dev"),
        ("a", "abcdef12-20261129-120000", "abcdef12-20261129-120000"),
        ("v", "vague", "vague"),
        ("v", "", ""),
        ("", "v0.1.0", "v0.1.0"),
    ],
)
def test_a_prefix_is_taken_off_a_tag_and_nothing_else(prefix: str, given: str, text: str) -> None:
    assert TagNames(prefix).text(given) == text


def test_prefixes_come_with_their_highest_version_the_most_used_first() -> None:
    names = ["v1.9.0", "v1.10.0", "v1.2.0-rc", "api-0.1.0-dev", "1.0.0", "2.0.0", "x1.0", "v01.0.0", "a b-1.0.0"]
    names += ["-1.0.0", "v1.0.0-rc.1"]
    assert prefixes(names) == {"v": "v1.10.0", "": "2.0.0", "api-": "api-0.1.0-dev"}


@pytest.mark.parametrize("prefix", ["", "v", "api-", "api/v", "a_b/c-", "services/api/v", "A1-"])
def test_what_git_github_and_iam_take_as_it_stands_may_be_a_prefix(prefix: str) -> None:
    assert re.match(PREFIX, prefix)


@pytest.mark.parametrize(
    "prefix", ["-v", "/v", "a//b", "a..b", "v*", "v ", "v\n", "a.lock/", "1v", "é", "a--", "refs/~"]
)
def test_what_means_something_to_one_of_them_may_not(prefix: str) -> None:
    assert not re.fullmatch(PREFIX, prefix)


@pytest.mark.parametrize(
    ("prefix", "answer"), [("", False), ("v", False), ("v-", False), ("api-", True), ("api/v", True)]
)
def test_a_prefix_that_is_more_than_a_v_is_an_apps(prefix: str, answer: bool) -> None:
    assert TagNames(prefix).belong_to_an_app is answer
