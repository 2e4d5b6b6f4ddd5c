"""`versions`: the latest versions of a channel, and what could come next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship.domain.version import Version, candidates
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.app import App
from tagship.ports.repository import Tag
from tagship.release.inspect import table


@dataclass(frozen=True)
class Versions:
    """A channel's versions, highest first, with their tags, and the next ones by the part that they raise."""

    environment: str
    versions: Sequence[Version]
    tags: Sequence[Tag]
    next: Mapping[str, Version]

    def as_data(self) -> dict[str, object]:
        known = {one.name: one for one in self.tags}
        return {
            "environment": self.environment,
            "versions": [_told(one, known.get(str(one))) for one in self.versions],
            "next": {part: str(one) for part, one in self.next.items()},
        }


def _told(version: Version, tag: Tag | None) -> dict[str, object]:
    if tag is None:
        return {"version": str(version)}
    when = tag.when.isoformat() if tag.when else ""
    return {"version": str(version), "commit": tag.commit, "tagger": tag.tagger, "when": when}


def versions(app: App, *, env: str = "dev", count: int = 5, offline: bool = False) -> Versions:
    """Look at the remote (unless `offline`) and list the channel's latest versions."""
    if count < 1:
        raise UsageError(f"{count} is no number of versions.", remedy="Give one: inv versions --count 5")
    chosen = app.settings.environment(env)
    suffix = app.settings.suffix(env)
    if not offline:
        _fetch(app, chosen.branch, suffix)
    channel = app.repository.newest(suffix, count)
    found = channel.versions
    for sentence in channel.why_passed_over():
        app.screen.warn(sentence)
    answer = Versions(env, found, app.repository.tags([str(one) for one in found]), _next(found, suffix))
    table(app, answer.versions, answer.tags)
    if not found:
        app.screen.say(f"{env} has no version yet.")
    app.screen.say("next: " + ", ".join(f"{one} ({part})" for part, one in answer.next.items()))
    return answer


def _next(found: Sequence[Version], suffix: str) -> Mapping[str, Version]:
    return candidates(found[0] if found else None, suffix)


def _fetch(app: App, branch: str, suffix: str) -> None:
    """What the remote has; where it cannot be asked, what is known here is listed, and that is said."""
    try:
        moved = app.repository.fetch(branch, suffix)
    except (ServiceFailed, Refused) as reason:
        app.screen.warn(f"{reason.what} What follows is what is known here.")
        return
    for name in moved:
        app.screen.warn(f"{name} is not the same tag here and on {app.settings.git.remote}.")
