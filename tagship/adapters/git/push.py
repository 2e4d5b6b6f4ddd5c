"""The push of a version: two refs and no more, in one piece; and, after one that failed, what the remote has by now."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

from tagship.adapters.git.answer import Answer, not_gits
from tagship.adapters.git.remote import Remote
from tagship.adapters.git.tags import creation
from tagship.domain.release import PRE_PUSH
from tagship.ports.repository import Pushed, Tag

# push.followTags would add every stray annotated tag; submodule.recurse would push the same refspecs in submodules.
_PUSH = ("push", "--atomic", "--no-follow-tags", "--no-recurse-submodules")
_READ = ("--porcelain", "--progress")  # for us: progress shows that the remote is there
TOLD = 3  # lines of a hook that an error holds


def push(remote: Remote, commit: str, branch: str, tag: Tag) -> Pushed:
    """Branch and tag, or the tag alone. Raises ServiceFailed if it is not known how it ended."""
    ref = f"refs/tags/{tag.name}"
    wanted = ({f"refs/heads/{branch}": commit} if branch else {}) | {ref: tag.oid}
    words = [*_PUSH, *_READ, remote.name, *_refspecs(commit, branch, tag.name)]
    return _pushed(remote, remote.git.network(*words, remote=remote.name, aloud=True), wanted, frozenset(wanted))


def undo(remote: Remote, tag: Tag) -> Pushed:
    """Delete the remote's tag, if it still is that object."""
    ref = f"refs/tags/{tag.name}"
    lease = f"--force-with-lease={ref}:{tag.oid}"
    words = [*_PUSH, *_READ, lease, remote.name, f":{ref}"]
    return _pushed(remote, remote.git.network(*words, remote=remote.name, aloud=True), {ref: tag.oid}, frozenset())


def commands(remote: Remote, commit: str, branch: str, name: str, message: str) -> Sequence[str]:
    """The same as a person would type it."""
    words = shlex.join(["git", *_PUSH, remote.name])
    refspecs = [shlex.quote(refspec) for refspec in _refspecs(commit, branch, name)]
    return [_tag_command(name, commit, message), " \\\n    ".join([words, *refspecs])]


def _refspecs(commit: str, branch: str, name: str) -> list[str]:
    heads = [f"{commit}:refs/heads/{branch}"] if branch else []
    return [*heads, f"refs/tags/{name}:refs/tags/{name}"]


def _tag_command(name: str, commit: str, message: str) -> str:
    """The tag as a person would make it: the message comes as a here document, which needs no quoting."""
    words = [word for word in creation(name, commit, message) if word not in {"--message", message}]
    flags, rest = words[:-2], [shlex.quote(word) for word in words[-2:]]
    return f"git {' '.join(flags)} --file=- {rest[0]} \\\n    {rest[1]} <<'MESSAGE'\n{message}\nMESSAGE"


# -- what came of it ---------------------------------------------------------------------------------------------------


def _pushed(remote: Remote, answer: Answer, wanted: Mapping[str, str], done: frozenset[str]) -> Pushed:
    """What came of it; `done` are the refs that a place has once everything was done there."""
    if answer.ok:
        return Pushed(True, there=frozenset(_flagged(answer.out, "=")), said=answer.said)
    rejected = _rejections(answer.out) or _hooked(remote, answer)
    if not rejected and not _accepted(answer.out):
        raise remote.unreachable(answer, f"The push to {remote.name} failed")
    holds = remote.holdings(wanted)
    complete = not rejected and all(refs == done for refs in holds.values())  # git complained of something here
    return Pushed(complete, rejected, answer.words, said=answer.said, holds=holds)


def _hooked(remote: Remote, answer: Answer) -> dict[str, str]:
    """What this repository's own pre-push hook said, where it ended the push: Git then says nothing fatal."""
    if "failed to push some refs" not in answer.err or "fatal:" in answer.err:
        return {}
    hook = remote.git.root / remote.git.must("rev-parse", "--git-path", "hooks/pre-push").strip("\n")
    if not os.access(hook, os.X_OK):
        return {}
    told = [line for line in not_gits(answer.out, answer.err) if not line.startswith("remote:")]
    return {PRE_PUSH: "; ".join(told[-TOLD:])[:400].rstrip(".") or "it said nothing"}


def _accepted(porcelain: str) -> bool:
    """Whether one of several push URLs took it."""
    return any(_flagged(porcelain, flag) for flag in " *+-=")


def _flagged(porcelain: str, flag: str) -> dict[str, str]:
    """The remote's refs that `git push --porcelain` gave a flag, with its summary: `=` was there, `!` was refused."""
    refs = {}
    for line in porcelain.splitlines():
        flagged, _, rest = line.partition("\t")
        if flagged == flag and "\t" in rest:
            names, _, summary = rest.partition("\t")
            refs[names.rpartition(":")[2]] = summary
    return refs


def _rejections(porcelain: str) -> dict[str, str]:
    """Refs that the remote refused, with the reason; those that fell with them in an atomic push only where alone."""
    refused = _flagged(porcelain, "!")
    culprits = {ref: why for ref, why in refused.items() if "atomic" not in why}
    return culprits or refused
