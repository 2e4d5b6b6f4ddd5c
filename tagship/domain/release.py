"""What is decided before a tag: which version, and what exactly will be done. No I/O. (Whether: domain/checks.)"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from tagship.domain.version import Version, why_not_a_version
from tagship.errors import UsageError

NOTES = 10  # commits that a tag's message lists
SAID = 600  # characters of the server's that an error holds
NAMED = 4  # commits that are named before the question
SUBJECT = 60  # characters of each
PRE_PUSH = "pre-push hook"  # what stands among a push's refs where this repository's own hook refused it
_NUMBER = rb"(0|[1-9][0-9]{0,8})"
_FIELD = re.compile(_NUMBER)
_LIKE = rb"[0-9]+[.][0-9]+[.][0-9]+"  # as a version looks, whatever its numbers
PASSED_OVER = 5  # names that are told of
LONGEST = 80  # characters of such a name


# -- the channel's versions --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Channel:
    """A channel's highest versions, highest first; and, of its other names, those passed over on the way."""

    versions: Sequence[Version]
    passed_over: Sequence[str] = ()

    def why_passed_over(self) -> list[str]:
        """A sentence for each name that is passed over."""
        return [f"The tag {name} is passed over: {why_not_a_version(name)}." for name in self.passed_over]


def channel(chunks: Iterable[bytes], suffix: str, count: int) -> Channel:
    """The highest `count` versions of a channel among tag names, one a line in Git's own order.

    The chunks may end anywhere: they are read while git still writes them. In Git's order names that share MAJOR.MINOR
    stand together, so the end of each such run is found by bisection, and only the highest runs are read: over 50,000
    tags this costs a fraction of git's own listing. Names that look like a version and are none are found on the way.
    """
    ending = re.escape(f"-{suffix}" if suffix else "").encode()
    name, like = re.compile(b"%b[.]%b[.]%b%b" % (_NUMBER, _NUMBER, _NUMBER, ending)), re.compile(_LIKE + ending)
    best: list[tuple[int, ...]] = []
    others: list[bytes] = []
    for prefix, names in sorted((run for lines in _whole_lines(chunks) for run in _runs(lines)), reverse=True):
        if prefix and len(best) == count and prefix < best[-1][:2]:
            continue
        parsed = [(one, name.fullmatch(one)) for one in names]
        others += [one for one, found in parsed if not found and like.fullmatch(one)]
        numbers = (found.groups() for _, found in parsed if found)
        best = nlargest(count, [*best, *((int(a), int(b), int(c)) for a, b, c in numbers)])
    versions = [Version(major, minor, patch, suffix) for major, minor, patch in best]
    return Channel(versions, [one.decode()[:LONGEST] for one in others[-PASSED_OVER:]])


def _runs(names: list[bytes]) -> Iterator[tuple[tuple[int, ...], list[bytes]]]:
    """Names that share MAJOR and MINOR, a run at a time; a name that has neither is a run by itself, of ()."""
    at = 0
    while at < len(names):
        parts = names[at].split(b".", 2)
        if len(parts) == 3 and _FIELD.fullmatch(parts[0]) and _FIELD.fullmatch(parts[1]):
            after = b"%b.%b/" % (parts[0], parts[1])  # "/" is the character after "."
            end = bisect_left(names, after, at + 1)
            yield (int(parts[0]), int(parts[1])), names[at:end]
            at = end
        else:
            yield (), names[at : at + 1]
            at += 1


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = b""
    for chunk in chunks:
        lines, newline, after = chunk.rpartition(b"\n")
        if newline:
            yield (rest + lines).split(b"\n")
            rest = after
        else:
            rest += chunk
    yield [rest]


# -- which version -----------------------------------------------------------------------------------------------------


def why_not_next(entry: str, *, suffix: str, latest: Version | None, holder: Callable[[str], str]) -> str:
    """Why an entry cannot be the channel's next version, in a few words; empty when it can.

    `holder` tells what a version that is taken points at, and whose it is; empty for one that is free.
    """
    reason = why_not_a_version(entry)
    if reason:
        return reason
    if Version.parse(entry).suffix != suffix:
        return _wrong_suffix(suffix)
    taken = holder(entry)
    if taken:
        return f"it is taken: {taken}"
    if latest and not Version.parse(entry) > latest:
        return f"it is lower than the latest, {latest}"
    return ""


def _wrong_suffix(suffix: str) -> str:
    return f"its suffix is not -{suffix}" if suffix else "a final release has no suffix"


def parsed(text: str, suffix: str) -> Version:
    """A version that the user gave for a channel; raises UsageError when it is none, or another channel's."""
    version = Version.parse(text)
    if version.suffix != suffix:
        right = Version(*version.core, suffix)
        raise UsageError(
            f"{version} is not of this channel: {_wrong_suffix(suffix)}.",
            remedy=f"Give it that: --version {right}, or name the other environment with --env",
        )
    return version


# -- what -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReleasePlan:
    """What will be done: the tag, where it points, and the exact commands.

    `branch` is pushed with the tag (empty: the remote has the commit already). `exists` is true if an earlier run made
    the tag, `on_remote` if the remote has it too. `subjects` are the commits since `since`, newest first.
    """

    app: str
    environment: str
    version: Version
    commit: str
    branch: str
    message: str
    commands: Sequence[str]
    exists: bool = False
    on_remote: bool = False
    since: str = ""
    subjects: Sequence[str] = ()

    @property
    def pushed(self) -> bool:
        """Whether there is nothing left to push."""
        return self.on_remote and not self.branch

    def as_data(self) -> dict[str, object]:
        return {
            "app": self.app,
            "environment": self.environment,
            "version": str(self.version),
            "commit": self.commit,
            "branch": self.branch,
            "message": self.message,
            "exists": self.exists,
            "on_remote": self.on_remote,
            "commands": list(self.commands),
        }

    def ships(self) -> str:
        """Say which commits the version has: `0.1.2-dev = 2 commits since 0.1.1-dev: Answer faster · Set …`."""
        if not self.since:
            return f"{self.version} = {self.commit[:7]}, the first version of its channel"
        count = "1 commit" if len(self.subjects) == 1 else f"{len(self.subjects) or 'no'} commits"
        named = " · ".join(subject[:SUBJECT] for subject in self.subjects[:NAMED])
        more = f" · and {len(self.subjects) - NAMED} more" if len(self.subjects) > NAMED else ""
        return f"{self.version} = {count} since {self.since}" + (f": {named}{more}" if named else "")


def message(app: str, version: Version, *, who: str, where: str, source: str, since: str, notes: Sequence[str]) -> str:
    """A tag's message: what it is, who made it and from where, and the commits since `since`."""
    lines = [f"{app} {version}", "", f"Tagged by {who}, at {where}, from {source}."]
    if not since:
        return "\n".join([*lines, "The first version of its channel."])
    if notes:
        more = [f"- and {len(notes) - NOTES} more"] if len(notes) > NOTES else []
        lines += ["", f"Since {since}:", *(f"- {note[:200]}" for note in notes[:NOTES]), *more]
    return "\n".join(lines)


def mail(person: str) -> str:
    """The address in "Name <mail>", in small letters."""
    found = re.search(r"<([^>]*)>", person)
    return found[1].lower() if found else ""


def rejection(
    branch: str, remote: str, rejected: Mapping[str, str], again: str, said: Sequence[str] = ()
) -> tuple[str, str]:
    """What a refusal of a push means, and what to do: problem and remedy. `said` are the server's own lines."""
    if PRE_PUSH in rejected:
        return f"the pre-push hook of this repository refused it ({rejected[PRE_PUSH]})", f"Mend that, then {again}"
    reasons = "; ".join(f"{ref.removeprefix('refs/heads/')}: {why}" for ref, why in rejected.items())
    if re.search(r"non-fast-forward|fetch first", reasons):
        return f"{remote} has newer commits ({reasons})", f"git pull --ff-only {remote} {branch}, then {again}"
    words = f"; it says: {' · '.join(said)[:SAID].rstrip('.')}" if said else ""
    problem = f"{remote} refused the push ({reasons}){words}"
    if any(ref.startswith("refs/tags/") for ref in rejected):
        return problem, f"Ask whoever keeps {remote} to let you push that tag, then {again}"
    return problem, f"Get the commit onto {branch} as its rules ask, then {again}"
