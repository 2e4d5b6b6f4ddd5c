"""`init`: write what a repository needs to ship with tagship, beside what its team has."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tagship import resources
from tagship.domain import commands
from tagship.domain.text import listed
from tagship.errors import Refused
from tagship.ports.app import Beginning
from tagship.scaffold.answers import settle
from tagship.scaffold.drafted import Draft
from tagship.scaffold.files import draft
from tagship.scaffold.look import Scene, described
from tagship.scaffold.previews import NEXT
from tagship.scaffold.source import source_of
from tagship.scaffold.writing import FileChange, require_yes, write
from tagship.scaffold.written import RECORD

MOST = 200  # lines of a file that is shown whole


@dataclass(frozen=True)
class Schema:
    """The JSON schema of tagship.toml."""

    text: str

    def as_data(self) -> object:
        return json.loads(self.text)


@dataclass(frozen=True)
class Initiated:
    """What init wrote, or would write.

    `conflicts` are files that have both sides of a conflict in them.
    """

    done: bool
    files: Sequence[FileChange]
    notes: Sequence[str]
    conflicts: Sequence[str] = ()

    def as_data(self) -> dict[str, object]:
        files = [entry.as_data() for entry in self.files]
        return {"done": self.done, "files": files, "notes": list(self.notes), "conflicts": list(self.conflicts)}

    def insist(self) -> None:
        """Raise Refused while a file that was written has conflicts."""
        if self.done and self.conflicts:
            verb = "has" if len(self.conflicts) == 1 else "have"
            raise Refused(
                f"{listed(self.conflicts)} {verb} conflicts that only you can resolve.",
                state="Every file is written; these have both sides, between <<<<<<< and >>>>>>>.",
                remedy=f"Edit them, then: git add {shlex.join(self.conflicts)}",
            )


def init(
    app: Beginning,
    *,
    name: str = "",
    env: str = "",
    prefix: str = "",
    branch: str = "",
    runtime: str = "",
    kind: str = "",
    command: str = "",
    include: str = "",
    image: str = "",
    health: str = "",
    bucket: str = "",
    region: str = "",
    build: str = "",
    built: str = "",
    cluster: str = "",
    service: str = "",
    function: str = "",
    handler: str = "",
    previews: bool = False,
    own_folder: bool = False,
    source: str = "",
    hash: str = "",
    update: bool = False,
    schema: bool = False,
    yes: bool = False,
    dry_run: bool = False,
) -> Initiated | Schema:
    """Look, ask, show, and write; nothing that is there is overwritten.

    What is left out is asked for, or taken as it was found. `source` and `hash` say where CI gets tagship. `update`
    brings what init wrote earlier up to date: what somebody edited is merged, and Refused is raised by a conflict.
    With `previews`, tagship.toml has environments of pull requests, too. `schema` returns the schema of tagship.toml,
    and does nothing else.
    """
    if schema:
        return Schema(resources.content(resources.SCHEMA).decode())
    given = {
        "app": name,
        "env": env,
        "prefix": prefix,
        "branch": branch,
        "runtime": runtime,
        "kind": kind,
        "command": command,
    }
    given |= {"include": include, "image": image, "health": health, "bucket": bucket, "region": region}
    given |= {"build": build, "built": built, "cluster": cluster, "service": service}
    given |= {"function": function, "handler": handler}
    around = app.surroundings
    scene = Scene(around.here() if own_folder and around.here else around)

    def again(answers: Mapping[str, str], *, own: bool = own_folder, yes: bool = yes) -> str:
        typed = given | {"source": source, "hash": hash} | dict(answers)
        return commands.init(typed, update=update, here=own, previews=previews, dry_run=dry_run, yes=yes)

    _say_found(app, scene)
    if around.below and not (own_folder or update):
        app.screen.say(f"  If {around.below} is an app of its own: {again({}, own=True)}")
    asking = None if yes or dry_run or not app.prompt.possible else app.prompt
    pinned = source_of(source, [text for text in hash.split(",") if text], scene.root)  # nobody answers in vain
    chosen = settle(scene, given, asking, again)
    more = NEXT if previews and not scene.settled else ()
    made = draft(scene, chosen, pinned, update=update, previews=previews)
    _show(app, made, made.kept if dry_run else ())
    if all(entry.word == "same" for entry in made.changes):
        app.screen.say("There is nothing to write.")
        return Initiated(True, made.changes, made.notes, made.conflicts)
    if dry_run:
        app.screen.say("Nothing was written.")
        return Initiated(False, made.changes, made.notes, made.conflicts)
    if not yes:
        require_yes(app.prompt, "Write these files?", again({}, yes=True))
    write(scene.root, made.changes)
    _say_next(app, scene, made, more)
    return Initiated(True, made.changes, made.notes, made.conflicts)


def _say_found(app: Beginning, scene: Scene) -> None:
    app.screen.say(f"In {scene.root}:")
    for about, text in described(scene):
        app.screen.say(f"  {about:14} {text}")


def _show(app: Beginning, made: Draft, unwritten: Sequence[FileChange]) -> None:
    """Show every file as a difference; long ones by their size."""
    for entry in made.changes:
        if entry.word == "same":
            app.screen.say(f"same   {entry.path}")
            continue
        lines = [] if entry.path == RECORD else entry.difference  # a record of texts that are shown above it
        app.screen.say(f"{entry.word:6} {entry.path} ({len(entry.after):,} bytes)")
        for line in lines if len(lines) <= MOST else []:
            app.screen.say(f"    {line}")
    for entry in unwritten:
        app.screen.say(f"keep   {entry.path}; init would write:")
        for line in entry.difference:
            app.screen.say(f"    {line}")
    for note in made.notes:
        app.screen.warn(note)


def _say_next(app: Beginning, scene: Scene, made: Draft, more: Sequence[str]) -> None:
    paths = [entry.path for entry in made.changes if entry.word != "same"]
    ignored = scene.git.ignored(paths)
    force = f"git add --force {shlex.join(ignored)} && " if ignored else ""
    for line in more:
        app.screen.say(line)
    app.screen.say("Written. What comes next:")
    top = f" {'../' * scene.depth}.github" if scene.depth else ""
    app.screen.say(f"  {force}git add .{top} && git commit -m 'Ship with tagship'")
    app.screen.say(f"  make {made.targets['sandbox']}")
