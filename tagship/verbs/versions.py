"""`versions`: the latest versions of a channel, and what could come next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain.standing import Bad, bad_versions
from tagship.domain.version import Version, candidates
from tagship.errors import Refused, ServiceFailed, TagshipError, UsageError
from tagship.ports.app import App
from tagship.ports.repository import Tag
from tagship.release.inspect import table
from tagship.release.recorded import Recorded, recorded


@dataclass(frozen=True)
class Versions:
    """A channel's versions, highest first, with their tags.

    And the next versions by the part that they raise.
    """

    environment: str
    versions: Sequence[Version]
    tags: Sequence[Tag]
    next: Mapping[str, Version]
    bad: Mapping[str, Bad] | None = None  # those that are marked bad or failed; None if the ledger was not asked

    def as_data(self) -> dict[str, object]:
        by_name = {tag.version: tag for tag in self.tags}
        return {
            "environment": self.environment,
            "versions": [self._entry(version, by_name.get(str(version))) for version in self.versions],
            "next": {part: str(version) for part, version in self.next.items()},
        }

    def _entry(self, version: Version, tag: Tag | None) -> dict[str, object]:
        """Return a version with its tag.

        If the ledger was asked, also why it is bad: empty if it is not.
        """
        entry: dict[str, object] = {"version": str(version)}
        if tag:
            when = tag.when.isoformat() if tag.when else ""
            entry |= {"tag": tag.name, "commit": tag.commit, "tagger": tag.tagger, "when": when}
        if self.bad is not None:
            bad = self.bad.get(str(version))
            entry["bad"] = bad.why if bad else ""
        return entry


def versions(app: App, *, env: str = "dev", count: int = 5, offline: bool = False) -> Versions:
    """List a channel's latest versions.

    The remote is looked at first, unless `offline`.
    """
    if count < 1:
        raise UsageError(f"Invalid --count {count}: give 1 or more.", remedy="For example: --count 5")
    branch, suffix = app.settings.environment(env).branch, app.settings.suffix(env)
    known = Recorded(problem="--offline")
    if not offline:
        _fetch(app, branch, suffix)
        known = recorded(app, env)
    channel = app.repository.newest(suffix, count)
    newest = channel.versions
    for sentence in channel.why_passed_over():
        app.screen.warn(sentence)
    highest = max([*newest[:1], *known.spent(suffix)[:1]], default=None)
    listed = Versions(
        env,
        newest,
        app.repository.tags([str(version) for version in newest]),
        candidates(highest, suffix),
        _bad(app, env, known),
    )
    _show(app, listed, known, highest)
    return listed


def _bad(app: App, environment: str, known: Recorded) -> Mapping[str, Bad] | None:
    """Find what is marked bad or failed.

    None if the ledger was not asked, or does not say.
    """
    if not known.asked:
        return None
    try:
        return bad_versions(known.deployments, app.ledger.marks(environment))
    except TagshipError:
        return None


def _show(app: App, listed: Versions, known: Recorded, highest: Version | None) -> None:
    table(app, listed.versions, listed.tags)
    for version in map(str, listed.versions):
        if bad := (listed.bad or {}).get(version):
            app.screen.say(f"  {bad.said_of(version, listed.environment)}")
    if not listed.versions:
        app.screen.say(f"{listed.environment} has no version yet.")
    if highest and highest not in listed.versions:
        app.screen.warn(f"{highest} has no tag, and its number is spent: {known.why_spent(str(highest))}.")
    app.screen.say("next: " + ", ".join(f"{version} ({part})" for part, version in listed.next.items()))
    if not known.asked and app.signed_in and known.problem != "--offline":
        app.screen.warn(f"Numbers that are published without a tag were not asked for: {known.problem}.")


def _fetch(app: App, branch: str, suffix: str) -> None:
    """Fetch the remote's tags; warn if it can't be asked."""
    try:
        moved = app.repository.fetch(branch, suffix)
    except (ServiceFailed, Refused) as reason:
        app.screen.warn(f"{reason.what} The list below is what this clone knows.")
        return
    for name in moved:
        app.screen.warn(f"{name} is not the same tag here and on {app.settings.git.remote}.")
