"""Every page of docs/ and the README is typed, from top to bottom, by the built wheel: `make test-docs`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, Story, stories
from tests.docs.telling import telling
from tests.package.conftest import Installed, installed, wheel  # noqa: F401  (fixtures)

STORIES = {f"{page} {number}": story for page in PAGES for number, story in enumerate(stories(page), 1)}


@pytest.fixture(params=STORIES)
def story(request: pytest.FixtureRequest) -> Story:
    return STORIES[request.param]


def test_a_page_does_what_it_says_from_top_to_bottom(story: Story, installed: Installed, tmp_path: Path) -> None:  # noqa: F811
    with telling(story, installed, tmp_path) as under_way:
        wrong = ""
        try:
            under_way.tell()
        except AssertionError as reason:
            wrong = f"{reason}\n-- typed before it:\n" + "\n".join(under_way.shell.typed[:-1])
        if wrong:
            pytest.fail(wrong, pytrace=False)
