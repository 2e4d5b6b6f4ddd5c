"""Tags, as they are: annotated or not, of a commit or of another tag, with times that can't be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tagship.adapters.git import gpg
from tagship.adapters.git.answer import Answer
from tagship.adapters.git.process import CHUNK
from tagship.adapters.git.program import GitProgram
from tagship.domain.release import Channel, channel
from tagship.domain.tagnames import TagNames
from tagship.errors import Refused
from tagship.ports.repository import Tag

_FIELDS = (
    "%(refname)", "%(objecttype)", "%(objectname)", "%(*objecttype)", "%(*objectname)", "%(taggername) %(taggeremail)",
    "%(creatordate:unix)",
)  # fmt: skip
_FORMAT = "--format=" + "%00".join(_FIELDS)


class Line(NamedTuple):
    """One line of for-each-ref.

    `inner` and `peeled` are what a tag object points at (one step, before git 2.45).
    """

    ref: str
    kind: str
    oid: str
    inner: str
    peeled: str
    tagger: str
    seconds: str


def read(git: GitProgram, refs: Sequence[str], prefix: str = "refs/tags/") -> list[Tag]:
    """Read the tags at those refs, in one call."""
    # Each that points at another tag costs one more.
    if not refs:
        return []
    lines = git.must("for-each-ref", _FORMAT, *refs).split("\n")
    return [_tag(git, Line(*line.split("\0")), prefix) for line in lines if line]


def named(git: GitProgram, names: Sequence[str]) -> list[Tag]:
    """List the local tags among the names, in the order asked."""
    by_name = {tag.name: tag for tag in read(git, [f"refs/tags/{name}" for name in names])}
    return [by_name[name] for name in names if name in by_name]


def newest(git: GitProgram, tag_names: TagNames, suffix: str, count: int) -> Channel:
    """Find the newest of all of the channel's tags."""
    # Never by `git describe`; they are parsed while git writes.
    begin = f"refs/tags/{tag_names.prefix}"
    pattern = f"{begin}[0-9]*-{suffix}" if suffix else f"{begin}[0-9]*"
    with git.reading("for-each-ref", "--format=%(refname:strip=2)", pattern) as names:
        newest_tags = channel(iter(lambda: names.stream.read1(CHUNK), b""), suffix, count, tag_names.prefix)
        names.ended_well()  # a list that was cut off would suggest a version that is taken
    return newest_tags


def all_names(git: GitProgram) -> list[str]:
    """List the names of this clone's tags."""
    return git.must("for-each-ref", "--format=%(refname:strip=2)", "refs/tags").split()


def create(git: GitProgram, name: str, commit: str, message: str) -> Tag:
    """Create an annotated tag. Raises Refused with git's or gpg's reason."""
    # It is signed if the user's configuration says so.
    answer = git.run(*creation(name, commit, message))
    try:
        tags = named(git, [name])
    except Refused as reason:
        raise (_made(name, reason.what) if answer.ok else reason) from reason
    if tags and not answer.ok and "already exists" not in answer.err:
        raise _made(name, f"Git made the tag {name}, and ended with an error: {answer.words}.")
    if not tags or not answer.ok:
        raise git.trouble(answer) or _unmade(git, name, commit, answer)
    return tags[0]


def _made(name: str, problem: str) -> Refused:
    """Build the error of a tag that was made all the same."""
    look = f"Look at it: git show {name} (to take it back: git tag --delete {name})"
    return Refused(problem, state=f"The tag {name} is here, and not pushed.", remedy=look)


def creation(name: str, commit: str, message: str) -> list[str]:
    # cleanup=whitespace keeps lines that begin with "#": a commit's subject may.
    return ["tag", "--annotate", "--cleanup=whitespace", "--message", message, name, commit]


def _unmade(git: GitProgram, name: str, commit: str, answer: Answer) -> Refused:
    if "sign" in answer.err:
        why = gpg.reason(git, answer)
        words = "; ".join(filter(None, [answer.words, why]))
        return Refused(f"Git did not sign the tag {name}: {words}.", remedy=gpg.remedy(why))
    if "already exists" in answer.err:
        return Refused(
            f"The tag {name} was made here meanwhile, by another process.",
            state="This run changed nothing.",
            remedy=f"See whose it is: git show --no-patch {name}",
        )
    by_hand = f"git tag --annotate --message {name} {name} {commit[:12]}"
    return Refused(f"Git did not make the tag {name}: {answer.words}.", remedy=f"Try it by hand: {by_hand}")


def _tag(git: GitProgram, line: Line, prefix: str) -> Tag:
    commit = line.oid if line.kind == "commit" else line.peeled
    if (line.inner or line.kind) != "commit":
        answer = git.run("rev-parse", "--verify", "--quiet", f"{line.ref}^{{commit}}")
        commit = answer.out.strip() if answer.ok else ""  # a tag of a file or a folder
    return Tag(line.ref.removeprefix(prefix), line.oid, commit, line.tagger.strip(), _moment(line.seconds))


def _moment(seconds: str) -> datetime | None:
    """Return when a tag was made; None if its time is invalid."""
    # A tag's own time zone may be +5130: it is not asked for.
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
