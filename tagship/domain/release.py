"""What is decided before a tag: which version, whether it may be made, and what exactly will be done. No I/O.

A check is a named sentence about the checkout. All of them are looked at, and all that fail are told together: a
developer mends everything in one go.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest

from tagship.domain.version import Version, why_not_a_version
from tagship.errors import Refused, UsageError

NOTES = 10  # commits that a tag's message lists
SAID = 600  # characters of the server's that an error holds
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


# -- whether -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What is known of a checkout when its next version is about to be made.

    `branch` and `remote` are what the settings say; `unreachable` is why the remote could not be asked (empty: it
    was); `ci` is what CI says of the commit (None: the settings do not ask). `apart` is true when another commit than
    the checked-out one is tagged, one that is on the remote's branch: then the working tree does not matter.
    """

    verb: str
    suffix: str
    branch: str
    remote: str
    current: str
    unreachable: str = ""
    dirty: Sequence[str] = ()
    shallow: bool = False
    ahead: int = 0
    behind: int = 0
    moved: Sequence[str] = ()
    tagged: bool = True
    passed_over: Sequence[str] = ()
    first: bool = False
    ci: str | None = None
    apart: bool = False


@dataclass(frozen=True)
class Check:
    """One named check; `problem` is empty when it passed."""

    name: str
    problem: str = ""
    remedy: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem


def checks(look: Look) -> list[Check]:
    """Every check that applies, in the order in which one would mend them."""
    here = [] if look.apart else [_branch(look), _clean(look)]
    there = [Check("remote reachable", look.unreachable, f"git ls-remote --heads {look.remote}")]
    apart = [] if look.apart or look.current != look.branch else [_not_behind(look), _not_diverged(look)]
    rest = [_whole(look), _unmoved(look), _known(look)]
    return [*here, *there, *apart, *rest, *([] if look.ci is None else [_green(look)])]


def _branch(look: Look) -> Check:
    if look.current == look.branch:
        return Check(f"on {look.branch}")
    where = f"on {look.current}" if look.current else "on no branch (HEAD is detached)"
    return Check(
        f"on {look.branch}", f"you are {where}; this is released from {look.branch}", f"git switch {look.branch}"
    )


def _clean(look: Look) -> Check:
    if not look.dirty:
        return Check("clean tree")
    named = ", ".join(look.dirty[:3]) + (f" and {len(look.dirty) - 3} more" if len(look.dirty) > 3 else "")
    return Check("clean tree", f"not committed: {named}", "git stash --include-untracked   (or commit it)")


def _not_behind(look: Look) -> Check:
    if look.ahead or not look.behind:
        return Check("not behind")
    there = f"{look.remote}/{look.branch}"
    return Check(
        "not behind", f"{there} has {_commits(look.behind)} more", f"git pull --ff-only {look.remote} {look.branch}"
    )


def _not_diverged(look: Look) -> Check:
    if not (look.ahead and look.behind):
        return Check("not diverged")
    there = f"{look.remote}/{look.branch}"
    problem = f"{look.branch} and {there} have diverged: {_commits(look.ahead)} here, {_commits(look.behind)} there"
    return Check("not diverged", problem, f"git pull --rebase {look.remote} {look.branch}")


def _commits(count: int) -> str:
    return "1 commit" if count == 1 else f"{count} commits"


def _whole(look: Look) -> Check:
    problem = "the clone is shallow: it does not hold the history that versions are read from" if look.shallow else ""
    return Check("whole history", problem, f"git fetch --unshallow {look.remote}")


def _unmoved(look: Look) -> Check:
    if not look.moved:
        return Check("tags agree")
    names = ", ".join(look.moved)
    refspecs = " ".join(f"refs/tags/{name}:refs/tags/{name}" for name in look.moved)
    return Check(
        "tags agree",
        f"not the same tag here and on {look.remote}: {names}",
        f"to take {look.remote}'s: git fetch --no-tags --force {look.remote} {refspecs}",
    )


def _known(look: Look) -> Check:
    if look.tagged or look.first:
        return Check("earlier versions")
    kind = f"X.Y.Z-{look.suffix}" if look.suffix else "X.Y.Z"
    passed_over = f" but {', '.join(look.passed_over)}, passed over" if look.passed_over else ""
    return Check(
        "earlier versions",
        f"there is no tag {kind} here or on {look.remote}{passed_over}",
        f"if this is the first: inv {look.verb} --first",
    )


def _green(look: Look) -> Check:
    said = {
        "success": "",
        "failure": "CI failed on this commit",
        "pending": "CI has not finished with this commit",
        "none": "CI has not seen this commit",
        "": "there is no token to ask CI with",
    }[look.ci or ""]
    remedies = {"": "gh auth login   (or set GITHUB_TOKEN)", "none": f"git push {look.remote} {look.branch}"}
    return Check("CI green", said, remedies.get(look.ci or "", "look at the commit's checks, then run it again"))


def refuse(failed: Sequence[Check], state: str = "Nothing was changed.") -> Refused:
    """The failed checks as one error, each with its remedy."""
    if len(failed) == 1:
        one = failed[0]
        return Refused(f"The check “{one.name}” failed: {one.problem}.", state=state, remedy=one.remedy)
    told = "".join(f"\n  - {one.name}: {one.problem}\n      {one.remedy}" for one in failed)
    return Refused(f"Refused by {len(failed)} checks:{told}", state=state, remedy=failed[0].remedy)


# -- what -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What will be done: the tag, where it points, and the exact commands.

    `branch` is pushed with the tag (empty: the remote has the commit already); `exists` is true when an earlier run
    made the tag: then there is only the push.
    """

    app: str
    environment: str
    version: Version
    commit: str
    branch: str
    message: str
    commands: Sequence[str]
    exists: bool = False

    def as_data(self) -> dict[str, object]:
        return {
            "app": self.app,
            "environment": self.environment,
            "version": str(self.version),
            "commit": self.commit,
            "branch": self.branch,
            "message": self.message,
            "exists": self.exists,
            "commands": list(self.commands),
        }


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
