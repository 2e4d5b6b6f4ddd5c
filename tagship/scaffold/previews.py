"""Environments of pull requests, as `init --previews` begins them."""

from __future__ import annotations

from collections.abc import Iterator

from tagship.domain import commands
from tagship.errors import UsageError
from tagship.scaffold.answers import Blueprint
from tagship.scaffold.app_folder import AppFolder
from tagship.scaffold.pipelines import Pipelines
from tagship.settings import FILE, Settings
from tagship.settings.previews import Previews

ACTION = ".github/actions/tagship"
NEXT = (
    f"{FILE} has [previews], whose two commands are yours: `infra` of the template makes what a preview runs on, and",
    "`remove` takes that away; until it is named, closing a preview fails. docs/previews.md has examples.",
)


def require_writable(settings: Settings | None) -> None:
    """Raise UsageError if there is a tagship.toml without previews."""
    if settings and not settings.previews.environment:
        raise UsageError(
            f"--previews writes [previews] into a new {FILE}, and this repository has one.",
            remedy=f"Write [previews] into it, as docs/previews.md has it; then, for the workflows: {commands.init()}",
        )


def of_previews(chosen: Blueprint, place: AppFolder) -> Iterator[tuple[str, bytes]]:
    """Render the workflows of previews, for settings that are not written yet."""
    action = place.action if place.own else ACTION
    made = Pipelines([chosen.env], action, app_build=chosen.build, previews=True, place=place)
    yield from made.of_pull_requests()


def own_previews(place: AppFolder) -> Previews:
    """Return which workflows the settings name that are written."""
    return Previews(workflow=f"{place.own}preview.yml", sweep_workflow=f"{place.own}preview-sweep.yml")
