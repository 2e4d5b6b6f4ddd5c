"""How a file of init's is brought up to date: replaced if nobody edited it, and else merged with the edits."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from tagship.domain import commands
from tagship.domain.text import counted
from tagship.ports.repository import Surroundings
from tagship.scaffold.drafted import Draft
from tagship.scaffold.writing import FileChange

MARK = b"Written by `tagship init`"
STAMP = re.compile(re.escape(MARK) + rb" \[[0-9a-f]{16}\]")
OPEN = re.compile(rb"^<<<<<<< yours\r?$", re.MULTILINE)  # a conflict that nobody has resolved


def stamped(content: bytes) -> bytes:
    """Put a digest of the content beside init's mark.

    By it, what nobody edited since is known.
    """
    return content.replace(MARK, MARK + f" [{hashlib.sha256(content).hexdigest()[:16]}]".encode(), 1)


def is_inits(made: Draft, entry: FileChange) -> bool:
    """Tell whether init wrote the file that is there."""
    return MARK in (entry.before or b"") or made.record.text(entry.path) is not None


def bring_up_to_date(made: Draft, entry: FileChange, git: Surroundings) -> None:
    """Renew a file of init's.

    What somebody edited of it is merged, or kept if that can't be done.
    """
    before = entry.before or b""
    untouched = bool(STAMP.search(before)) and stamped(_plain(before)) == before
    base = made.record.text(entry.path)
    if made.update and untouched:
        write(made, entry)
    elif made.update and base is not None:
        _merge(made, entry, base, git)
    else:
        _keep(made, entry, untouched=untouched)


def write(made: Draft, entry: FileChange) -> None:
    """Add a file as init makes it."""
    made.changes.append(entry)
    made.record.note(entry.path, entry.after)


def _merge(made: Draft, entry: FileChange, base: bytes, git: Surroundings) -> None:
    """Merge what is new since `base` into what somebody made of it."""
    before = entry.before or b""
    mine, old, new = (_plain(text) for text in (before, base, entry.after))
    merged = git.merged(mine, old, new)
    if merged is None:
        _keep(made, entry, untouched=False)
        return
    write(made, entry)
    made.changes[-1] = replace(entry, after=before if merged == mine else _with_stamp_of(entry, merged))
    if count := len(OPEN.findall(merged)):
        made.conflicts.append(entry.path)
        made.notes.append(
            f"{entry.path}: {counted(count, 'conflict')} between your edits and what is new. Both sides are in the "
            "file, between <<<<<<< and >>>>>>>: keep what is right, and delete those lines"
        )


def _with_stamp_of(entry: FileChange, merged: bytes) -> bytes:
    """Put the digest of what init writes into what somebody edited.

    It is not that of the text, so the text is still known to be edited.
    """
    [stamp] = STAMP.findall(entry.after)
    return merged.replace(MARK, stamp, 1)


def _keep(made: Draft, entry: FileChange, *, untouched: bool) -> None:
    made.kept.append(entry)
    update, shown = commands.init(update=True), commands.init(dry_run=True)
    if untouched:
        made.notes.append(f"{entry.path} is kept as it was written. To bring it up to date: {update}")
    elif made.update:
        made.notes.append(
            f"{entry.path} was edited since, and is kept: {_why_unmerged(made, entry)}. What init would write: {shown}"
        )
    else:
        made.notes.append(f"{entry.path} was edited since, and is kept. To merge what is new into it: {update}")


def _why_unmerged(made: Draft, entry: FileChange) -> str:
    known = made.record.text(entry.path) is not None
    return "Git cannot merge it" if known else "there is no record of what init wrote there before"


def _plain(content: bytes) -> bytes:
    """Take the digest out: it differs wherever anything does."""
    return STAMP.sub(MARK, content, count=1)
