"""Second step towards a version's tag: which version it will be."""

from __future__ import annotations

from tagship.domain import release
from tagship.domain.text import ago
from tagship.domain.version import Version, candidates
from tagship.errors import Refused, TagshipError, UsageError
from tagship.ports.app import App
from tagship.ports.repository import Tag
from tagship.release.inspect import ReleaseFacts, Wish

OTHER = "another"
RUNS = 20  # numbers that CI is asked about, one after the other


def decide(app: App, wish: Wish, facts: ReleaseFacts) -> tuple[Version, bool]:
    """Choose the version; return it and whether its tag exists."""
    # An earlier run may have made the tag for this commit.
    latest = facts.latest
    if wish.version:
        return _given(app, wish, facts)
    if (
        latest
        and not wish.anew
        and any(tag.version == str(latest) and tag.commit == facts.commit for tag in facts.tags)
    ):
        return latest, True
    offers = candidates(_highest(app, facts), facts.suffix)
    first = next(iter(offers.values()))
    if wish.yes or wish.dry_run:
        return first, False
    needs_a_terminal(app, wish, str(first))
    return _asked(app, facts, offers), False


def next_number(facts: ReleaseFacts) -> Version:
    """Suggest the number after every one that is known to be taken."""
    # Tagged, published or deployed, as far as could be asked.
    return next(iter(candidates(facts.highest, facts.suffix).values()))


def _highest(app: App, facts: ReleaseFacts) -> Version | None:
    """Return the highest number that is taken."""
    # If the ledger could not be asked, CI is: a number it ran for may be out.
    highest = facts.highest
    if facts.recorded.asked:
        return highest
    for _ in range(RUNS):
        suggestion = next(iter(candidates(highest, facts.suffix).values()))
        if not _ran(app, str(suggestion)):
            break
        highest = suggestion
    return highest


def _ran(app: App, version: str) -> bool:
    """Tell whether CI says that this tag started a run."""
    # Without an answer nothing is claimed.
    try:
        return bool(app.forge and app.forge.find_tag_run(app.settings.tag(version)))
    except TagshipError:
        return False


def _given(app: App, wish: Wish, facts: ReleaseFacts) -> tuple[Version, bool]:
    version = release.parsed(wish.version, facts.suffix)
    existing = app.repository.tag(wish.version)
    if existing and existing.commit == facts.commit:
        return version, True
    reason = _why_not(app, facts, wish.version)
    if reason:
        raise Refused(
            f"{version} cannot be the next version, because {reason}.",
            remedy=f"Take the next one: {wish.spelled(version=str(next_number(facts)), commit=wish.commit)}",
        )
    return version, False


def _why_not(app: App, facts: ReleaseFacts, entry: str) -> str:
    def holder(name: str) -> str:
        tag = app.repository.tag(name)
        return described(app, tag) if tag else facts.recorded.why_spent(name)

    return release.why_not_next(entry, suffix=facts.suffix, latest=facts.highest, holder=holder)


def described(app: App, tag: Tag) -> str:
    """Say what a tag points at, since when, and whose it is."""
    by = f" by {tag.tagger}" if tag.tagger else ""
    when = f", {ago(app.clock.now() - tag.when)}" if tag.when else ""
    return f"{tag.name} is commit {tag.commit[:12]}, tagged{by}{when}"


def _asked(app: App, facts: ReleaseFacts, offers: dict[str, Version]) -> Version:
    choices = {str(version): f"{version}  ({part})" for part, version in offers.items()}
    chosen = app.prompt.choose("Next version", {**choices, OTHER: "another version …"})
    if chosen == OTHER:
        bare = app.settings.tags.names.text
        chosen = bare(app.prompt.text("Version:", next(iter(choices)), lambda entry: _why_not(app, facts, bare(entry))))
    return release.parsed(chosen, facts.suffix)


def needs_a_terminal(app: App, wish: Wish, version: str) -> None:
    """Raise UsageError, naming the flags to use, if nobody can answer."""
    if not app.prompt.possible:
        missing = "no --yes" if wish.version else "neither --version nor --yes"
        raise UsageError(
            f"There is no terminal to ask at, and {missing} was given.",
            remedy=f"Say it in flags: {wish.spelled(version=version, commit=wish.commit)} --yes",
        )
