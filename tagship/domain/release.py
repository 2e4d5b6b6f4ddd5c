"""What is decided before a tag: which version, and what exactly will be done. domain/checks decides whether. No I/O."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from tagship.domain.text import either
from tagship.domain.version import Version, why_not_a_version
from tagship.errors import UsageError

NOTES = 10  # commits that a tag's message lists
SERVER_WORDS = 600  # characters of the server's lines in an error
NAMED = 4  # commits that are named before the question
SUBJECT = 60  # characters of each
PRE_PUSH = "pre-push hook"  # stands for a ref if this repository's own hook refused the push
_NUMBER = rb"(0|[1-9][0-9]{0,8})"
_FIELD = re.compile(_NUMBER)
_LIKE = rb"[0-9]+[.][0-9]+[.][0-9]+"  # as a version looks, whatever its numbers
PASSED_OVER = 5  # names that are reported
LONGEST = 80  # characters of such a name


# -- the channel's versions --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Channel:
    """A channel's highest versions, highest first.

    `passed_over` are other names of the channel that look like versions.
    """

    versions: Sequence[Version]
    passed_over: Sequence[str] = ()
    prefix: str = ""

    def why_passed_over(self) -> list[str]:
        """Write a sentence for each name that is passed over."""
        reasons = {name: why_not_a_version(name.removeprefix(self.prefix)) for name in self.passed_over}
        return [f"The tag {name} is ignored: {reason}." for name, reason in reasons.items()]


def channel(chunks: Iterable[bytes], suffix: str, count: int, prefix: str = "") -> Channel:
    """Find a channel's highest `count` versions among tag names.

    The names come one a line, in Git's own order, and each begins with the tags' `prefix`. The chunks may end anywhere:
    they are read while git still writes them. In Git's order names that share MAJOR.MINOR stand together, so the end of
    each such run is found by bisection, and only the highest runs are read: over 50,000 tags this costs a fraction of
    git's own listing. Names that only look like a version are found on the way.
    """
    ending = re.escape(f"-{suffix}" if suffix else "").encode()
    name, like = re.compile(b"%b[.]%b[.]%b%b" % (_NUMBER, _NUMBER, _NUMBER, ending)), re.compile(_LIKE + ending)
    best: list[tuple[int, ...]] = []
    lookalikes: list[bytes] = []
    for core, names in sorted(
        (run for lines in _whole_lines(chunks) for run in _runs(_bare(lines, prefix.encode()))), reverse=True
    ):
        if core and len(best) == count and core < best[-1][:2]:
            continue
        parsed = [(line, name.fullmatch(line)) for line in names]
        lookalikes += [line for line, match in parsed if not match and like.fullmatch(line)]
        numbers = (match.groups() for _, match in parsed if match)
        best = nlargest(count, [*best, *((int(a), int(b), int(c)) for a, b, c in numbers)])
    versions = [Version(major, minor, patch, suffix) for major, minor, patch in best]
    return Channel(versions, [prefix + line.decode()[:LONGEST] for line in lookalikes[-PASSED_OVER:]], prefix)


def _bare(names: list[bytes], prefix: bytes) -> list[bytes]:
    return [name.removeprefix(prefix) for name in names] if prefix else names


def _runs(names: list[bytes]) -> Iterator[tuple[tuple[int, ...], list[bytes]]]:
    """Yield names in runs that share MAJOR and MINOR."""
    # A name that has neither is a run by itself, of ().
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
    """Say why an entry cannot be the channel's next version; else empty.

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
    """Read a version given for a channel. Raises UsageError."""
    # It may be invalid, or another channel's.
    version = Version.parse(text)
    if version.suffix != suffix:
        right = Version(*version.core, suffix)
        raise UsageError(
            f"{version} does not belong to this channel: {_wrong_suffix(suffix)}.",
            remedy=f"Use --version {right}, or name the other environment with --env",
        )
    return version


# -- what -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReleasePlan:
    """What will be done: the tag, its commit, and the exact commands.

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
    name: str = ""  # of the tag; the version, if that has no prefix

    @property
    def tag(self) -> str:
        return self.name or str(self.version)

    @property
    def pushed(self) -> bool:
        """Tell whether there is nothing left to push."""
        return self.on_remote and not self.branch

    def as_data(self) -> dict[str, object]:
        return {
            "app": self.app,
            "environment": self.environment,
            "version": str(self.version),
            "tag": self.tag,
            "commit": self.commit,
            "branch": self.branch,
            "message": self.message,
            "exists": self.exists,
            "on_remote": self.on_remote,
            "commands": list(self.commands),
        }

    def ships(self) -> str:
        """Say which commits the version has."""
        # `0.1.2-dev = 2 commits since 0.1.1-dev: Answer faster · Set …`
        if not self.since:
            return f"{self.tag} = {self.commit[:7]}, the first version of its channel"
        count = "1 commit" if len(self.subjects) == 1 else f"{len(self.subjects) or 'no'} commits"
        named = " · ".join(subject[:SUBJECT] for subject in self.subjects[:NAMED])
        more = f" · and {len(self.subjects) - NAMED} more" if len(self.subjects) > NAMED else ""
        return f"{self.tag} = {count} since {self.since}" + (f": {named}{more}" if named else "")


def message(app: str, version: Version, *, who: str, where: str, source: str, since: str, notes: Sequence[str]) -> str:
    """Write a tag's message: who made it, where, and its commits."""
    lines = [f"{app} {version}", "", f"Tagged by {who}, at {where}, from {source}."]
    if not since:
        return "\n".join([*lines, "The first version of its channel."])
    if notes:
        more = [f"- and {len(notes) - NOTES} more"] if len(notes) > NOTES else []
        lines += ["", f"Since {since}:", *(f"- {note[:200]}" for note in notes[:NOTES]), *more]
    return "\n".join(lines)


def mail(person: str) -> str:
    """Return the address in "Name <mail>", in lower case."""
    match = re.search(r"<([^>]*)>", person)
    return match[1].lower() if match else ""


def rejection(
    branch: str, remote: str, rejected: Mapping[str, str], again: str, server_lines: Sequence[str] = ()
) -> tuple[str, str]:
    """Return the problem and the remedy of a push that was refused.

    `server_lines` are the server's own words.
    """
    if PRE_PUSH in rejected:
        return f"the pre-push hook of this repository refused it ({rejected[PRE_PUSH]})", f"Fix that, then: {again}"
    reasons = "; ".join(f"{ref.removeprefix('refs/heads/')}: {why}" for ref, why in rejected.items())
    if re.search(r"non-fast-forward|fetch first", reasons):
        pull = f"git pull --ff-only {remote} {branch}"
        return f"{remote} has newer commits ({reasons})", either(pull, f"Then: {again}")
    words = f"; it says: {' · '.join(server_lines)[:SERVER_WORDS].rstrip('.')}" if server_lines else ""
    problem = f"{remote} refused the push ({reasons}){words}"
    if any(ref.startswith("refs/tags/") for ref in rejected):
        return problem, f"Ask the owner of {remote} to let you push that tag, then: {again}"
    return problem, f"Merge the commit into {branch} by its rules, then: {again}"
