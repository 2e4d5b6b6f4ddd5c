"""`eject`: write tagship's host files into the repository, for those who want to change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tagship import __version__, resources
from tagship.domain import commands
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.scaffold.writing import FileChange, change, require_yes, write

NEXT = "git add deploy && git commit -m 'Keep our own host files'"


@dataclass(frozen=True)
class Ejected:
    """What eject wrote, or would write."""

    done: bool
    files: Sequence[FileChange]

    def as_data(self) -> dict[str, object]:
        return {"done": self.done, "files": [{"path": entry.path, "change": entry.word} for entry in self.files]}


def eject(app: App, *, yes: bool = False, dry_run: bool = False) -> Ejected:
    """Write tagship's deploy/ into the repository.

    Bundles are made of it once it is committed. Nothing is overwritten: raises Refused if another file is in the way.
    A repository that has host files of its own keeps them; what this tagship has beside those is added.
    """
    files = [_wanted(app, name) for name in resources.names()]
    other = [entry for entry in files if entry.word == "change"]
    if resources.is_ejected(app.root):
        _say_own(app, other)
        files = [entry for entry in files if entry.word == "new"]
        if not files:
            app.screen.say("Nothing was written.")
            return Ejected(False, other)
    elif other:
        raise Refused(
            f"{_named(other)} would be overwritten.",
            remedy=f"Move what is yours elsewhere (git mv), then: {commands.eject()}",
        )
    _show(app, files)
    if dry_run:
        app.screen.say("Nothing was written.")
        return Ejected(False, files)
    if not yes:
        require_yes(app.prompt, "Write these files?", commands.eject(yes=True))
    write(app.root, files)
    app.screen.say(f"Written. A bundle has your own from the commit on that has them: {NEXT}")
    return Ejected(True, files)


def _wanted(app: App, name: str) -> FileChange:
    raw = resources.content(name)
    return change(app.root, name, raw, executable=resources.is_program(raw))


def _named(entries: Sequence[FileChange]) -> str:
    more = f" and {len(entries) - 3} more" if len(entries) > 3 else ""
    return ", ".join(entry.path for entry in entries[:3]) + more


def _show(app: App, files: Sequence[FileChange]) -> None:
    app.screen.say(f"The host files of tagship {__version__}:")
    for entry in files:
        app.screen.say(f"  {entry.word:6} {entry.path} ({len(entry.after.splitlines())} lines)")


def _say_own(app: App, other: Sequence[FileChange]) -> None:
    """Say how the repository's own host files differ from tagship's."""
    app.screen.say("This repository has host files of its own; they stay as they are.")
    for entry in other:
        app.screen.say(f"  {entry.path} differs from that of tagship {__version__}:")
        for line in entry.difference:
            app.screen.say(f"    {line}")
