"""What leads up to a version's tag, second: which version it is to be."""

from __future__ import annotations

from tagship.domain import release
from tagship.domain import text as times
from tagship.domain.version import Version, candidates
from tagship.errors import Refused, UsageError
from tagship.ports.app import App
from tagship.ports.repository import Tag
from tagship.release.inspect import Found, Wish

OTHER = "another"


def decided(app: App, wish: Wish, found: Found) -> tuple[Version, bool]:
    """The version to make, and whether its tag is there already, made by an earlier run for this very commit."""
    latest = found.latest
    if wish.version:
        return _given(app, wish, found)
    if latest and not wish.anew and any(one.name == str(latest) and one.commit == found.commit for one in found.tags):
        app.screen.say(f"This commit is {latest} already: going on with that. (Another number: --version)")
        return latest, True
    offers = candidates(latest, found.suffix)
    first = next(iter(offers.values()))
    if wish.yes or wish.dry_run:
        return first, False
    needs_a_terminal(app, wish, str(first))
    return _asked(app, found, offers), False


def _given(app: App, wish: Wish, found: Found) -> tuple[Version, bool]:
    version = release.parsed(wish.version, found.suffix)
    existing = app.repository.tag(wish.version)
    if existing and existing.commit == found.commit:
        app.screen.say(f"This commit is {version} already: going on with that.")
        return version, True
    reason = _why_not(app, found, wish.version)
    if reason:
        nearest = next(iter(candidates(found.latest, found.suffix).values()))
        raise Refused(
            f"{version} cannot be the next version: {reason}.",
            remedy=f"Take the next one: {wish.command} --version {nearest}",
        )
    return version, False


def _why_not(app: App, found: Found, entry: str) -> str:
    return release.why_not_next(entry, suffix=found.suffix, latest=found.latest, holder=lambda name: holder(app, name))


def holder(app: App, name: str) -> str:
    """What a taken version points at, since when, and whose it is; empty for one that is free."""
    found = app.repository.tag(name)
    return told(app, found) if found else ""


def told(app: App, found: Tag) -> str:
    by = f" by {found.tagger}" if found.tagger else ""
    when = f", {times.ago(app.clock.now() - found.when)}" if found.when else ""
    return f"{found.name} is commit {found.commit[:12]}, tagged{by}{when}"


def _asked(app: App, found: Found, offers: dict[str, Version]) -> Version:
    choices = {str(one): f"{one}  ({part})" for part, one in offers.items()}
    chosen = app.prompt.choose("Which version is next?", {**choices, OTHER: "another version …"})
    if chosen == OTHER:
        chosen = app.prompt.text("Version:", next(iter(choices)), lambda entry: _why_not(app, found, entry))
    return release.parsed(chosen, found.suffix)


def needs_a_terminal(app: App, wish: Wish, version: str) -> None:
    if not app.prompt.possible:
        missing = "no --yes" if wish.version else "neither --version nor --yes"
        raise UsageError(
            f"There is no terminal to ask at, and {missing} was given.",
            remedy=f"Say it in flags: {wish.command} --version {version} --yes",
        )
