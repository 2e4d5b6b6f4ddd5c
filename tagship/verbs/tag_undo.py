"""`tag-undo`: take a tag back, here and on the remote, if it is one's own and still the one that was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship.domain import commands, release
from tagship.domain.version import Version
from tagship.errors import Interrupted, Refused, UsageError
from tagship.ports.app import App
from tagship.ports.repository import Tag


@dataclass(frozen=True)
class Undone:
    """How it ended (planned | undone), and the commands that it took."""

    outcome: str
    version: Version
    commands: Sequence[str]

    def as_data(self) -> dict[str, object]:
        return {"outcome": self.outcome, "version": str(self.version), "commands": list(self.commands)}


def tag_undo(app: App, *, version: str = "", yes: bool = False, dry_run: bool = False) -> Undone:
    """Delete a tag of one's own, the remote's by a lease on the very object that was looked at."""
    if not version:
        raise UsageError("Which tag?", remedy=f"Name it: {commands.tag_undo('0.1.30-dev')}")
    name = str(Version.parse(version))
    here, there = app.repository.tag(name), app.repository.remote_tag(name)
    found = [one for one in (there, here) if one]
    if not found:
        raise Refused(f"There is no tag {name}, here or on {app.settings.git.remote}.", remedy="See them: inv versions")
    _must_be_mine(app, found)
    steps = _commands(app, here, there)
    for command in steps:
        app.screen.say(f"  {command}")
    if dry_run:
        return Undone("planned", Version.parse(name), steps)
    _confirm(app, name, yes)
    if there:
        _delete_there(app, there)
    if here:
        app.repository.delete_tag(here)
    app.screen.say(f"The tag {name} is gone. A deployment that it set off is not undone by this: inv rollback")
    return Undone("undone", Version.parse(name), steps)


def _must_be_mine(app: App, found: Sequence[Tag]) -> None:
    me = app.repository.me()
    for one in found:
        if not one.tagger or release.mail(one.tagger) != release.mail(me):
            whose = f"{one.tagger}'s" if one.tagger else "nobody's by name: it is a lightweight tag"
            raise Refused(f"{one.name} is {whose}; you are {me}.", remedy=f"Ask them, or look: git show {one.name}")


def _commands(app: App, here: Tag | None, there: Tag | None) -> list[str]:
    remote = app.settings.git.remote
    commands = []
    if there:
        ref = f"refs/tags/{there.name}"
        commands.append(f"git push --no-follow-tags --force-with-lease={ref}:{there.oid} {remote} :{ref}")
    if here:
        commands.append(f"git update-ref -d refs/tags/{here.name} {here.oid}")
    return commands


def _confirm(app: App, name: str, yes: bool) -> None:
    if yes:
        return
    again = commands.tag_undo(name)
    if not app.prompt.possible:
        raise UsageError("There is no terminal to ask at, and no --yes was given.", remedy=f"Say it: {again} --yes")
    if not app.prompt.confirm(f"Delete {name}?"):
        raise Interrupted("Not confirmed.", remedy=f"Run it again when it is time: {again}")


def _delete_there(app: App, there: Tag) -> None:
    answer = app.repository.undo(there)
    if not answer.ok:
        why = "; ".join([*answer.rejected.values(), *answer.said]) or answer.message
        raise Refused(
            f"{app.settings.git.remote} did not delete {there.name}: {why.rstrip('.')}.",
            state=answer.state or "Nothing was changed.",
            remedy=f"Look at it again: {commands.tag_undo(there.name)} --dry-run",
        )
