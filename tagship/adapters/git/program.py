"""The git program: each call of it, and what is wrong if it cannot work at all."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import IO, NoReturn

from tagship.adapters.git.answer import Answer, Listener, decoded
from tagship.adapters.git.environment import at_a_terminal, environment
from tagship.adapters.git.process import GitRun, Silence, Stdout, Watch, begin, watch
from tagship.domain.text import visible
from tagship.errors import Refused, ServiceFailed

_LOCKED = re.compile(r"Unable to create '([^']+\.lock)': File exists")
_DUBIOUS = re.compile(r"dubious ownership in repository at '([^']+)'")


class GitProgram:
    """Git, in the repository around `root`.

    `silence` is for how many seconds a remote may say nothing.
    `say` hears hooks and the server during a push.
    """

    def __init__(self, root: Path, say: Callable[[str], None], silence: float, inherited: Mapping[str, str]) -> None:
        self.root = root
        self._say = say
        self._silence = silence
        self._inherited = inherited

    def run(self, *arguments: str) -> Answer:
        """Run git on this machine; an interrupted call ends its process."""
        return self._ended(self._start(arguments, Watch()))

    def must(self, *arguments: str) -> str:
        """Return the output of a call that must succeed. Raises Refused."""
        answer = self.run(*arguments)
        if not answer.ok:
            self.refuse(arguments[0], answer)
        return answer.out

    def network(self, *arguments: str, remote: str, limit: float | None = None, aloud: bool = False) -> Answer:
        """Run one call to a remote. Raises ServiceFailed after too much silence.

        `limit` is in seconds, and never above the program's own.
        """
        listener = Listener(self._say if aloud else lambda _: None)
        limit = min(limit or self._silence, self._silence)
        try:
            with watch(limit) as silence:
                answer = self._ended(self._start(arguments, silence, listener))
        except Silence as reason:
            verb = next(word for word in arguments if word in {"fetch", "push", "ls-remote"})
            raise ServiceFailed(
                f"git {verb}: {remote} said nothing for {limit:g} s.",
                state="What the remote received is unknown." if verb == "push" else "Nothing was changed.",
                remedy=f"Try the connection: git ls-remote --heads {remote}",
            ) from reason
        finally:
            listener.end()
        return answer

    def reading(self, *arguments: str, stdin: IO[bytes] | None = None) -> Reading:
        """Start a call whose output is read while it runs."""
        return Reading(self, arguments[0], self._start(arguments, Watch(), stdin=stdin))

    def refuse(self, verb: str, answer: Answer) -> NoReturn:
        raise self.trouble(answer) or Refused(
            f"git {verb} failed: {answer.words}.", remedy=f"Look at it: git -C {quote(str(self.root))} status"
        )

    def trouble(self, answer: Answer) -> Refused | None:
        """Return what is wrong on this machine; None if nothing is."""
        if "not a git repository" in answer.err and "does not appear to be a git repository" not in answer.err:
            return Refused(
                f"{self.root} is not in a Git repository.", remedy="Change into your clone, and run it there"
            )
        if dubious := _DUBIOUS.search(answer.err):
            return Refused(
                f"{visible(dubious[1])} belongs to another user: git reads nothing there.",
                remedy=f"If you trust it: git config --global --add safe.directory {quote(visible(dubious[1]))}",
            )
        if locked := _LOCKED.search(answer.err):
            return Refused(
                f"Another git is at work here, or one that was killed left its lock: {visible(locked[1])}.",
                remedy=f"If no git runs here: rm {quote(visible(locked[1]))}",
            )
        if "aborted by hook" in answer.err:
            return Refused(
                f"The reference-transaction hook of this repository refused it: {answer.words}.",
                remedy="Look at it: git rev-parse --git-path hooks/reference-transaction",
            )
        return None

    # -- one run -------------------------------------------------------------------------------------------------------

    def _start(
        self, arguments: tuple[str, ...], silence: Watch, heard: Listener | None = None, stdin: IO[bytes] | None = None
    ) -> GitRun:
        grouped = not at_a_terminal()  # what asks at a terminal must be in its foreground
        try:
            process = begin(
                ["git", "-C", str(self.root), *arguments],
                environment(self._inherited) | silence.environment,
                stdin=stdin,
                grouped=grouped,
            )
        except OSError as reason:
            raise _no_git() from reason
        return GitRun(process, grouped, silence, heard.out if heard else _ignore, heard.err if heard else _ignore)

    def _ended(self, run: GitRun) -> Answer:
        status = run.ended()
        return Answer(status, run.out.decode(errors="replace"), decoded(run.err))


class Reading:
    """The output of a call, read while git writes it."""

    def __init__(self, program: GitProgram, verb: str, run: GitRun) -> None:
        self._program = program
        self._verb = verb
        self._run = run
        self.stream = io.BufferedReader(Stdout(run), 1 << 16)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self._run.close()

    def ended_well(self) -> None:
        """Wait for git's end. Raises Refused if it failed."""
        status = self._run.ended()
        if status:
            self._program.refuse(self._verb, Answer(status, "", decoded(self._run.err)))


def _ignore(_: bytes) -> None: ...


def _no_git() -> Refused:
    return Refused("No git program on PATH can be run.", remedy="Install git 2.30 or later.")
