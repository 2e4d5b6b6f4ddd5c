"""Push a version: exactly two refs, atomically. After a failed push, ask what the remote has."""

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
HOOK_LINES = 3  # of a hook's output, in an error


def push(remote: Remote, commit: str, branch: str, tag: Tag) -> Pushed:
    """Push branch and tag, or the tag alone.

    Raises ServiceFailed if nobody knows how the push ended.
    """
    ref = f"refs/tags/{tag.name}"
    refs = ({f"refs/heads/{branch}": commit} if branch else {}) | {ref: tag.oid}
    words = [*_PUSH, *_READ, remote.name, *_refspecs(commit, branch, tag.name)]
    return _pushed(remote, remote.git.network(*words, remote=remote.name, aloud=True), refs, frozenset(refs))


def undo(remote: Remote, tag: Tag) -> Pushed:
    """Delete the remote's tag, if it still is that object."""
    ref = f"refs/tags/{tag.name}"
    lease = f"--force-with-lease={ref}:{tag.oid}"
    words = [*_PUSH, *_READ, lease, remote.name, f":{ref}"]
    return _pushed(remote, remote.git.network(*words, remote=remote.name, aloud=True), {ref: tag.oid}, frozenset())


def commands(remote: Remote, commit: str, branch: str, name: str, message: str) -> Sequence[str]:
    """Return the same commands as a person would type them."""
    words = shlex.join(["git", *_PUSH, remote.name])
    refspecs = [shlex.quote(refspec) for refspec in _refspecs(commit, branch, name)]
    return [_tag_command(name, commit, message), " \\\n    ".join([words, *refspecs])]


def _refspecs(commit: str, branch: str, name: str) -> list[str]:
    heads = [f"{commit}:refs/heads/{branch}"] if branch else []
    return [*heads, f"refs/tags/{name}:refs/tags/{name}"]


def _tag_command(name: str, commit: str, message: str) -> str:
    """Return the tag's command as a person would type it."""
    # The message comes as a here document, which needs no quoting.
    words = [word for word in creation(name, commit, message) if word not in {"--message", message}]
    flags, rest = words[:-2], [shlex.quote(word) for word in words[-2:]]
    return f"git {' '.join(flags)} --file=- {rest[0]} \\\n    {rest[1]} <<'MESSAGE'\n{message}\nMESSAGE"


# -- the result --------------------------------------------------------------------------------------------------------


def _pushed(remote: Remote, answer: Answer, refs: Mapping[str, str], after_success: frozenset[str]) -> Pushed:
    """Judge the answer; `after_success` are the refs a place has after success."""
    if answer.ok:
        return Pushed(True, there=frozenset(_flagged(answer.out, "=")), said=answer.said)
    rejected = _rejections(answer.out) or _hooked(remote, answer)
    if not rejected and not _accepted(answer.out):
        raise remote.unreachable(answer, f"The push to {remote.name} failed")
    holds = remote.holdings(refs)
    complete = not rejected and all(held == after_success for held in holds.values())  # git's complaint was local
    return Pushed(complete, rejected, answer.words, said=answer.said, holds=holds)


def _hooked(remote: Remote, answer: Answer) -> dict[str, str]:
    """Return what this repository's pre-push hook said if it ended the push."""
    # Git itself says nothing fatal then.
    if "failed to push some refs" not in answer.err or "fatal:" in answer.err:
        return {}
    hook = remote.git.root / remote.git.must("rev-parse", "--git-path", "hooks/pre-push").strip("\n")
    if not os.access(hook, os.X_OK):
        return {}
    output = [line for line in not_gits(answer.out, answer.err) if not line.startswith("remote:")]
    return {PRE_PUSH: "; ".join(output[-HOOK_LINES:])[:400].rstrip(".") or "it said nothing"}


def _accepted(porcelain: str) -> bool:
    """Tell whether one of several push URLs took it."""
    return any(_flagged(porcelain, flag) for flag in " *+-=")


def _flagged(porcelain: str, flag: str) -> dict[str, str]:
    """Map refs with this flag in a push's porcelain to their summary."""
    # `=` was there already, `!` was refused.
    refs = {}
    for line in porcelain.splitlines():
        flagged, _, rest = line.partition("\t")
        if flagged == flag and "\t" in rest:
            names, _, summary = rest.partition("\t")
            refs[names.rpartition(":")[2]] = summary
    return refs


def _rejections(porcelain: str) -> dict[str, str]:
    """Map the refs that the remote refused to its reasons."""
    # A ref that only fell with others in an atomic push counts if no other reason is known.
    refused = _flagged(porcelain, "!")
    culprits = {ref: why for ref, why in refused.items() if "atomic" not in why}
    return culprits or refused
