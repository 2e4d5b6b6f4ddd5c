"""The remote: what it has. A call to it is given up when the remote says nothing for too long."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from tagship.adapters.git import tags
from tagship.adapters.git.answer import Answer
from tagship.adapters.git.program import GitProgram
from tagship.domain.tagnames import TagNames
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.repository import Tag

ASIDE = "refs/tagship/seen"  # where a remote's tag is put to look at it, beside any local tag of its name
ASKING = 15.0  # seconds of silence, when a remote is only asked what it has
_CLOBBERED = re.compile(r"^ ! \[rejected\]\s+(\S+)\s+-> \S+\s+\(would clobber existing tag\)", re.MULTILINE)
_FETCH = (
    "-c", "fetch.output=full",  # in its compact form a clobbered tag's name is not spelled out
    "fetch", "--progress", "--no-tags",
    "--no-prune", "--no-prune-tags",  # with fetch.prune, these refspecs would delete local tags that were never pushed
    "--no-recurse-submodules",
    "--no-auto-maintenance",  # it may take minutes, and is not what was asked for
)  # fmt: skip


class Remote:
    """A remote by its name in the user's configuration."""

    def __init__(self, git: GitProgram, name: str, tag_names: TagNames) -> None:
        self.git = git
        self.name = name
        self.tag_names = tag_names

    def tracking(self, branch: str) -> str:
        return f"refs/remotes/{self.name}/{branch}"

    def fetch(self, branch: str, suffix: str) -> Sequence[str]:
        """Fetch the branch and the channel's tags in one call.

        Returns the tags that moved on the remote: they are never overwritten.
        """
        heads = [f"+refs/heads/{branch}:{self.tracking(branch)}"] if branch else []
        answer = self._fetch(*heads, *self._tag_refspecs(suffix))
        if heads and "couldn't find remote ref" in answer.err:
            self.git.run("update-ref", "-d", self.tracking(branch))
            answer = self._fetch(*self._tag_refspecs(suffix))
        clobbered = [name for name in _CLOBBERED.findall(answer.err) if self._is_of_channel(name, suffix)]
        if not answer.ok and "(would clobber existing tag)" not in answer.err:
            raise self.unreachable(answer)
        return clobbered

    def tag(self, name: str) -> Tag | None:
        """Fetch that one tag aside, and read it."""
        # `ls-remote` of one tag is sent all of them; a fetch, only those that match.
        aside = f"{ASIDE}/{name}"
        answer = self._fetch(f"+refs/tags/{name}:{aside}")
        if "couldn't find remote ref" in answer.err:
            return None
        if not answer.ok:
            raise self.unreachable(answer)
        [tag] = tags.read(self.git, [aside], f"{ASIDE}/")
        self.git.run("update-ref", "-d", aside)
        return tag

    @cached_property
    def url(self) -> str:
        answer = self.git.run("remote", "get-url", self.name)
        if not answer.ok:
            raise self._missing(answer)
        return answer.out.strip()

    def require_inside(self, folder: Path) -> None:
        """Raise UsageError unless all its URLs are paths in the folder."""
        answers = [self.git.run("remote", "get-url", *flags, "--all", self.name).out for flags in ((), ("--push",))]
        for url in dict.fromkeys("".join(answers).splitlines()):
            if not _is_below(folder, self.git.root, url.removeprefix("file://")):
                raise UsageError(
                    f"{self.name} is {without_password(url)}, and a sandbox touches nothing outside {folder}.",
                    remedy=f"Use the practice clone: cd {shlex.quote(str(folder / 'work'))}",
                )

    def unreachable(self, answer: Answer, problem: str = "") -> ServiceFailed | Refused:
        """Return the error of a failed call: this machine's, or the remote's."""
        url_answer = self.git.run("remote", "get-url", self.name)
        if not url_answer.ok:
            return self._missing(url_answer)
        return self.git.trouble(answer) or ServiceFailed(
            f"{problem or f'The remote {self.name} cannot be reached'}: {answer.words}.",
            remedy=f"Try the connection: git ls-remote --heads {self.name}",
            evidence=answer.evidence,
        )

    # -- where a push goes ---------------------------------------------------------------------------------------------

    def holdings(self, refs: Mapping[str, str]) -> dict[str, frozenset[str] | None]:
        """Ask each push URL which of the refs it has.

        A ref counts if it is that very object. None: no answer within ASKING seconds. A URL's password is left out.
        """
        return {without_password(place): self._has(place, refs) for place in self._places()}

    def _has(self, place: str, refs: Mapping[str, str]) -> frozenset[str] | None:
        try:
            answer = self.git.network("ls-remote", place, *refs, remote=self.name, limit=ASKING)
        except ServiceFailed:
            return None
        if not answer.ok:
            return None
        held_refs = {ref: oid for oid, _, ref in (line.partition("\t") for line in answer.out.splitlines())}
        return frozenset(ref for ref, oid in refs.items() if held_refs.get(ref) == oid)

    def _places(self) -> list[str]:
        """List the push URLs as they are written, or the remote's name."""
        # Git rewrites them by insteadOf.
        urls = self.git.run("config", "--get-all", f"remote.{self.name}.pushUrl").out.split("\n")[:-1]
        if urls:
            return urls
        pushed = self.git.run("remote", "get-url", "--push", self.name).out.strip()
        fetched = self.git.run("remote", "get-url", self.name).out.strip()
        return [self.name] if pushed == fetched else [pushed]  # url.<base>.pushInsteadOf

    def tag_list(self) -> list[str]:
        """List the names of all of the remote's tags."""
        answer = self.git.network("ls-remote", "--tags", "--refs", self.name, remote=self.name)
        if not answer.ok:
            raise self.unreachable(answer)
        return [line.partition("\t")[2].removeprefix("refs/tags/") for line in answer.out.splitlines()]

    def _tag_refspecs(self, suffix: str) -> list[str]:
        """Return refspecs for the channel's tags, and few others."""
        # Plain versions have no suffix to match: whatever starts with a digit is fetched.
        prefix = self.tag_names.prefix
        stems = [f"{prefix}*-{suffix}"] if suffix else [f"{prefix}{digit}*" for digit in range(10)]
        return [f"refs/tags/{stem}:refs/tags/{stem}" for stem in stems]

    def _is_of_channel(self, name: str, suffix: str) -> bool:
        version = self.tag_names.version(name)
        return version is not None and version.suffix == suffix

    # -- errors --------------------------------------------------------------------------------------------------------

    def _fetch(self, *refspecs: str) -> Answer:
        return self.git.network(*_FETCH, self.name, *refspecs, remote=self.name)

    def _missing(self, answer: Answer) -> Refused:
        if "No such remote" not in answer.err:
            return self.git.trouble(answer) or Refused(
                f"Git cannot work here: {answer.words}.",
                remedy=f"Look at it: git -C {shlex.quote(str(self.git.root))} status",
            )
        return Refused(
            f"There is no remote {self.name}.",
            remedy=f"Set git.remote in tagship.toml, or add it: git remote add {self.name} <url>",
        )


def _is_below(folder: Path, root: Path, place: str) -> bool:
    """Tell whether a remote's URL is a path in the folder."""
    # As git reads it: with a colon before the first slash it is another machine's.
    if ":" in place.partition("/")[0]:
        return False
    return (root / place).resolve().is_relative_to(folder.resolve())


def without_password(place: str) -> str:
    """Return a URL without what stands before the host's @."""
    # It may be a token.
    if "://" not in place:
        return place
    parts = urlsplit(place)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
