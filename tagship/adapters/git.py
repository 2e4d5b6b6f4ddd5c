"""Git, through GitPython's access to the git program: few calls, each of them plumbing or with its output spelled out.

GitPython sets LC_ALL=C, so that git's words can be read, and gives git no standard input; GIT_TERMINAL_PROMPT=0 keeps
it from asking for a password. Every name that reaches a command line is a parsed version, a branch of the settings or
an object id.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from tagship.domain.release import PRE_PUSH, highest
from tagship.domain.version import Version
from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.ports.repository import Pushed, State, Tag

if TYPE_CHECKING:
    from git.cmd import Git

NETWORK = 120.0  # seconds that one call to the remote may take
CHUNK = 1 << 16
ASIDE = "refs/tagship/seen"  # where a remote's tag is put to look at it, beside any local tag of its name
_TAG = (
    "%(refname:lstrip=-1)%00%(objectname)%00%(*objectname)%00%(taggername) %(taggeremail)%00%(creatordate:iso-strict)"
)
_CLOBBERED = re.compile(r"^ ! \[rejected\]\s+(\S+)\s+-> \S+\s+\(would clobber existing tag\)", re.MULTILINE)
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/~^@{}-]{0,199}\Z", re.ASCII)


class Answer(NamedTuple):
    """How a git call ended; `ok` is exit 0."""

    status: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def words(self) -> str:
        """What git said went wrong, on one line: up to its last word (fatal), without its hints and advice."""
        lines = [line.strip().rstrip(".") for line in self.err.splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("hint:")]
        last = next((number for number, line in enumerate(lines, 1) if line.startswith("fatal:")), len(lines))
        return "; ".join(lines[max(last - 3, 0) : last])[:400] or f"git ended with {self.status}"


class GitRepository:
    """The repository around `root`, and its remote."""

    def __init__(self, root: Path, remote: str = "origin") -> None:
        self._root = root
        self._remote = remote

    @property
    def root(self) -> Path:
        return self._root

    # -- looking -------------------------------------------------------------------------------------------------------

    def fetch(self, branch: str, suffix: str) -> Sequence[str]:
        """One call: the branch and the channel's tags. A tag that moved on the remote is told, never overwritten."""
        heads = [f"+refs/heads/{branch}:{self._tracking(branch)}"] if branch else []
        answer = self._fetch(*heads, *_tag_refspecs(suffix))
        if heads and "couldn't find remote ref" in answer.err:
            self._run("update-ref", "-d", self._tracking(branch))
            answer = self._fetch(*_tag_refspecs(suffix))
        clobbered = [name for name in _CLOBBERED.findall(answer.err) if _of_channel(name, suffix)]
        if not answer.ok and "(would clobber existing tag)" not in answer.err:
            raise self._unreachable(answer)
        return clobbered

    def state(self, branch: str) -> State:
        status = self._must("status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal")
        fields = [field for field in status.split("\0") if field]
        header = dict(field[2:].split(" ", 1) for field in fields if field.startswith("# branch."))
        head = header["branch.oid"]
        if head == "(initial)":
            raise Refused("There is no commit yet.", remedy="Commit something first: git commit")
        current = header["branch.head"] if header["branch.head"] != "(detached)" else ""
        seen = self._run("rev-parse", "--is-shallow-repository", f"{self._tracking(branch or current)}^{{commit}}")
        shallow, *rest = seen.out.splitlines() or [""]
        upstream = rest[0] if seen.ok and rest else ""
        ahead, behind = self._apart(head, upstream)
        return State(head, current, tuple(_dirty(fields)), shallow == "true", upstream, ahead, behind)

    def _apart(self, head: str, upstream: str) -> tuple[int, int]:
        if not upstream or upstream == head:
            return 0, 0
        ahead, behind = self._must("rev-list", "--left-right", "--count", f"{head}...{upstream}").split()
        return int(ahead), int(behind)

    def newest(self, suffix: str, count: int) -> Sequence[Version]:
        """Over all of the channel's tags (never `git describe`), parsed while git writes."""
        pattern = f"refs/tags/[0-9]*-{suffix}" if suffix else "refs/tags/[0-9]*"
        process = self._start("for-each-ref", "--format=%(refname:strip=2)", pattern)
        found = highest(iter(lambda: process.stdout.read1(CHUNK), b""), suffix, count)
        self._ended_well(process, "for-each-ref")  # a list that was cut off would suggest a version that is taken
        return found

    def tag(self, name: str) -> Tag | None:
        return next(iter(self.tags([name])), None)

    def tags(self, names: Sequence[str]) -> Sequence[Tag]:
        if not names:
            return ()
        lines = self._must("for-each-ref", f"--format={_TAG}", *(f"refs/tags/{name}" for name in names)).splitlines()
        found = {tag.name: tag for tag in map(_tag, lines)}
        return tuple(found[name] for name in names if name in found)

    def remote_tag(self, name: str) -> Tag | None:
        """Fetches that one tag aside. (`ls-remote` of one tag is sent all of them; a fetch, only those that match.)"""
        aside = f"{ASIDE}/{name}"
        answer = self._fetch(f"+refs/tags/{name}:{aside}")
        if "couldn't find remote ref" in answer.err:
            return None
        if not answer.ok:
            raise self._unreachable(answer)
        line = self._must("for-each-ref", f"--format={_TAG}", aside).strip("\n")
        self._run("update-ref", "-d", aside)
        return _tag(line)

    def me(self) -> str:
        answer = self._run("var", "GIT_COMMITTER_IDENT")
        found = re.match(r"(.*<[^>]*>) ", answer.out)
        if not answer.ok or not found:
            raise Refused(
                f"Git does not know who you are ({answer.words.rpartition('; ')[2]}).",
                remedy="git config --global user.name 'Your Name' && git config --global user.email you@example.com",
            )
        return found[1]

    def log(self, since: str, until: str) -> Sequence[str]:
        return self._must(
            "log", "--no-color", "--no-show-signature", "--format=%s", f"{since}..{until}", "--"
        ).splitlines()

    def resolve(self, revision: str) -> str:
        answer = (
            self._run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
            if _REVISION.match(revision)
            else None
        )
        if answer is None or not answer.ok:
            shown = revision.encode("unicode_escape").decode()[:60]
            raise UsageError(
                f"“{shown}” names no commit of this repository.", remedy="List some: git log --oneline -10"
            )
        return answer.out.strip()

    def on_branch(self, commit: str, branch: str) -> bool:
        return self._run("merge-base", "--is-ancestor", commit, self._tracking(branch)).ok

    def in_head(self, commit: str) -> bool:
        return self._run("merge-base", "--is-ancestor", commit, "HEAD").ok

    def tags_at(self, commit: str) -> Sequence[str]:
        return self._must(
            "for-each-ref", f"--points-at={commit}", "--format=%(refname:strip=2)", "refs/tags"
        ).splitlines()

    def remote_url(self) -> str:
        answer = self._run("remote", "get-url", self._remote)
        if not answer.ok:
            raise self._no_remote(answer)
        return answer.out.strip()

    # -- changing ------------------------------------------------------------------------------------------------------

    def create_tag(self, name: str, commit: str, message: str) -> Tag:
        answer = self._run(*_creation(name, commit, message))
        made = self.tag(name) if answer.ok else None
        if made is None:
            by_hand = f"Try it by hand: git tag --annotate --message {name} {name} {commit[:12]}"
            unsigned = (
                "Name the key to sign with: git config user.signingKey <key>   (or: git config tag.gpgSign false)"
            )
            remedy = unsigned if " sign " in answer.err else by_hand
            raise Refused(f"Git did not make the tag {name}: {answer.words}.", remedy=remedy)
        return made

    def delete_tag(self, tag: Tag) -> None:
        self._run("update-ref", "-d", f"refs/tags/{tag.name}", tag.oid)

    def push(self, commit: str, branch: str, tag: Tag) -> Pushed:
        return self._pushed(self._run(*self._pushing(commit, branch, tag.name), limit=NETWORK))

    def undo(self, tag: Tag) -> Pushed:
        ref = f"refs/tags/{tag.name}"
        lease = f"--force-with-lease={ref}:{tag.oid}"
        return self._pushed(self._run("push", "--porcelain", lease, self._remote, f":{ref}", limit=NETWORK))

    def push_commands(self, commit: str, branch: str, name: str, message: str) -> Sequence[str]:
        push = self._pushing(commit, branch, name)
        refspecs = [shlex.quote(word) for word in push if ":refs/" in word]
        words = shlex.join(["git", *push[: -len(refspecs)]])
        return [_tag_command(name, commit, message), " \\\n    ".join([words, *refspecs])]

    def _pushing(self, commit: str, branch: str, name: str) -> list[str]:
        """Two refspecs and no more: push.followTags, where somebody has set it, would add every stray annotated tag."""
        heads = [f"{commit}:refs/heads/{branch}"] if branch else []
        ref = f"refs/tags/{name}"
        return ["push", "--porcelain", "--atomic", "--no-follow-tags", self._remote, *heads, f"{ref}:{ref}"]

    def _pushed(self, answer: Answer) -> Pushed:
        """What the porcelain says; raises ServiceFailed where neither the remote nor a hook said anything."""
        rejected = _rejections(answer.out)
        if not answer.ok and not rejected:
            rejected = self._hooked(answer)
        if not answer.ok and not rejected:
            raise self._unreachable(answer, f"The push to {self._remote} failed")
        there = frozenset(_refs(answer.out, "=") if answer.ok else ())
        return Pushed(answer.ok, rejected, answer.words if not answer.ok else "", there)

    def _hooked(self, answer: Answer) -> dict[str, str]:
        """What this repository's own pre-push hook said, where it ended the push: Git then says nothing fatal."""
        hook = self._root / self._must("rev-parse", "--git-path", "hooks/pre-push").strip("\n")
        if "failed to push some refs" not in answer.err or "fatal:" in answer.err or not os.access(hook, os.X_OK):
            return {}
        lines = [line.strip() for line in [*answer.out.splitlines(), *answer.err.splitlines()]]
        said = [line for line in lines if line and "failed to push some refs" not in line]
        return {PRE_PUSH: "; ".join(said[-3:])[:400].rstrip(".") or "it said nothing"}

    # -- files ---------------------------------------------------------------------------------------------------------

    def files(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bool, int, Callable[[int], bytes]]]:
        """The blobs as they are committed, streamed from one `git cat-file`: no filter and no line endings apply."""
        entries = self._entries(commit, paths)
        with TemporaryFile() as wanted:
            wanted.writelines(f"{oid}\n".encode() for _, _, oid in entries)
            wanted.seek(0)
            process = self._start("cat-file", "--batch", istream=wanted)
            for path, executable, _ in entries:
                said = process.stdout.readline().split()  # id, type and size
                if len(said) != 3:
                    self._ended_well(process, "cat-file")
                    raise self._cut_off(path)
                blob = Blob(process.stdout, int(said[2]))
                yield path, executable, int(said[2]), blob.read
                if not blob.skip():
                    raise self._cut_off(path)
            self._ended_well(process, "cat-file")

    def _cut_off(self, path: str) -> Refused:
        return Refused(
            f"git cat-file did not give the whole of {path}.", remedy=f"Look at it: git -C {self._root} fsck"
        )

    def _entries(self, commit: str, paths: Sequence[str]) -> list[tuple[str, bool, str]]:
        """Path, executable and object id of each file, sorted by path; refuses what a bundle cannot carry."""
        listing = self._must("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths) if paths else ""
        entries = []
        for line in filter(None, listing.split("\0")):
            (mode, _, oid), path = line.split("\t")[0].split(), line.split("\t", 1)[1]
            if mode not in {"100644", "100755", "100664"}:
                kind = "a submodule" if mode == "160000" else "a symbolic link"
                raise Refused(f"{path} is {kind}; a bundle carries regular files only.", remedy=f"Leave it out: {path}")
            entries.append((path, mode == "100755", oid))
        for wanted in paths:
            bare = wanted.strip("/")
            if bare not in {"", "."} and not any(path == bare or path.startswith(bare + "/") for path, _, _ in entries):
                raise UsageError(f"{commit[:12]} has no file {wanted}.", remedy="Mend bundle.include in tagship.toml.")
        return sorted(entries)

    # -- git itself ----------------------------------------------------------------------------------------------------

    @cached_property
    def _git(self) -> Git:
        try:
            from git.cmd import Git
        except ImportError as reason:  # GitPython looks for git when it is imported
            raise Refused("There is no git program on PATH.", remedy="Install git 2.30 or later.") from reason
        git = Git(str(self._root))
        git.update_environment(GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0")
        return git

    def _start(self, *arguments: str, istream: Any = None) -> Any:
        return self._git.execute(["git", *arguments], as_process=True, istream=istream)

    def _ended_well(self, process: Any, verb: str) -> None:
        """Let a program that was read from end; raises Refused where it failed."""
        _, err = process.communicate()
        if process.returncode:
            self._refuse(verb, Answer(process.returncode, "", err.decode(errors="replace")))

    def _run(self, *arguments: str, limit: float | None = None) -> Answer:
        """One git call. A call that is interrupted, or takes longer than `limit` seconds, is ended with its process."""
        process = self._start(*arguments)
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as reason:
            raise ServiceFailed(
                f"git {arguments[0]}: {self._remote} did not answer within {limit:.0f} s.",
                state="It is not known what the remote took." if arguments[0] == "push" else "Nothing was changed.",
                remedy=f"Try the connection: git ls-remote --heads {self._remote}",
            ) from reason
        finally:
            _end(process.proc)
        return Answer(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def _must(self, *arguments: str) -> str:
        answer = self._run(*arguments)
        if not answer.ok:
            self._refuse(arguments[0], answer)
        return answer.out

    def _refuse(self, verb: str, answer: Answer) -> NoReturn:
        if "not a git repository" in answer.err:
            raise self._no_repository()
        raise Refused(f"git {verb} failed: {answer.words}.", remedy=f"Look at it: git -C {self._root} status")

    def _fetch(self, *refspecs: str) -> Answer:
        # fetch.output=full: in its compact form a clobbered tag's name is not spelled out.
        # --no-prune: with fetch.prune set, these refspecs would delete local tags that were never pushed.
        options = ["--no-tags", "--no-prune", "--no-prune-tags", "--no-recurse-submodules"]
        return self._run("-c", "fetch.output=full", "fetch", *options, self._remote, *refspecs, limit=NETWORK)

    def _tracking(self, branch: str) -> str:
        return f"refs/remotes/{self._remote}/{branch}"

    def _unreachable(self, answer: Answer, what: str = "") -> ServiceFailed | Refused:
        known = self._run("remote", "get-url", self._remote)
        if not known.ok:
            return self._no_remote(known)
        return ServiceFailed(
            f"{what or f'The remote {self._remote} cannot be reached'}: {answer.words}.",
            remedy=f"Try the connection: git ls-remote --heads {self._remote}",
        )

    def _no_repository(self) -> Refused:
        return Refused(
            f"{self._root} is not a Git repository, and is in none.", remedy="Go into your clone, and type it there"
        )

    def _no_remote(self, answer: Answer) -> Refused:
        if "not a git repository" in answer.err:
            return self._no_repository()
        if "No such remote" not in answer.err:
            return Refused(f"Git cannot work here: {answer.words}.", remedy=f"Look at it: git -C {self._root} status")
        return Refused(
            f"There is no remote {self._remote}.",
            remedy=f"Add it: git remote add {self._remote} <url>   (or set git.remote in tagship.toml)",
        )


class Blob:
    """One file's bytes on the stream of `git cat-file --batch`."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, count: int) -> bytes:
        got = self._stream.read(min(count, self._left) if count >= 0 else self._left)
        self._left -= len(got)
        return got

    def skip(self) -> bool:
        """Past what was not read, and the newline that ends every object; whether all of that was there."""
        while self._left and self.read(CHUNK):
            pass
        return self._left == 0 and self._stream.read(1) == b"\n"


def _tag_refspecs(suffix: str) -> list[str]:
    """The channel's tags and no others. Plain versions have no ending to match: what starts with a digit is fetched."""
    stems = [f"*-{suffix}"] if suffix else [f"{digit}*" for digit in range(10)]
    return [f"refs/tags/{stem}:refs/tags/{stem}" for stem in stems]


def _of_channel(name: str, suffix: str) -> bool:
    version = Version.maybe(name)
    return version is not None and version.suffix == suffix


def _dirty(fields: Sequence[str]) -> Iterator[str]:
    """Paths of `git status --porcelain=v2 -z`; after a renamed one (2) stands its old path, which is passed over."""
    rest = iter(fields)
    for field in rest:
        kind, _, detail = field.partition(" ")
        if kind == "2":
            next(rest, None)
        if kind in {"1", "2", "u", "?"}:
            yield detail.split(" ", {"1": 7, "2": 8, "u": 9, "?": 0}[kind])[-1]


def _tag(line: str) -> Tag:
    name, oid, peeled, tagger, when = line.split("\0")
    return Tag(name, oid, peeled or oid, tagger.strip(), datetime.fromisoformat(when) if when else None)


def _creation(name: str, commit: str, message: str) -> list[str]:
    # cleanup=whitespace keeps lines that begin with "#": a commit's subject may.
    return ["tag", "--annotate", "--cleanup=whitespace", "--message", message, name, commit]


def _tag_command(name: str, commit: str, message: str) -> str:
    """The same tag, made as a person would type it: the message comes as a here document, which needs no quoting."""
    return (
        f"git tag --annotate --cleanup=whitespace --file=- {shlex.quote(name)} \\\n"
        f"    {shlex.quote(commit)} <<'MESSAGE'\n{message}\nMESSAGE"
    )


def _refs(porcelain: str, flag: str) -> dict[str, str]:
    """The remote's refs that `git push --porcelain` gave a flag, with its summary: `=` was there, `!` was refused."""
    found = {}
    for line in porcelain.splitlines():
        flagged, _, rest = line.partition("\t")
        if flagged == flag and "\t" in rest:
            refs, _, summary = rest.partition("\t")
            found[refs.rpartition(":")[2]] = summary
    return found


def _rejections(porcelain: str) -> dict[str, str]:
    """Refs that the remote refused, with the reason; those that fell with them in an atomic push only where alone."""
    found = _refs(porcelain, "!")
    culprits = {ref: why for ref, why in found.items() if "atomic" not in why}
    return culprits or found


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
