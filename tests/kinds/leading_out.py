"""What a failure prints, typed literally: each remedy, from the state that the failure left, has to lead out.

A failure is brought about once for each command that its error names. Then the cause is lifted, as a person lifts it
who reads the error, that command is typed in a shell in the repository, and what it prints in turn, until it is done.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagship import bootstrap
from tagship.domain.deployment import serving
from tagship.errors import DeployFailed, Incomplete, Refused
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.mark_good import mark_good
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.faults.ground import HERE, Ran
from tests.faults.remedies import LOOKS, next_lines
from tests.journeys.example import FIRST, SECOND, Example, files
from tests.journeys.test_release import BIN
from tests.sandbox.conftest import git, post, repository, start, until

MOST = 4  # commands in a row that lead out
TTL = 10  # seconds, the least that the settings allow
COMMAND = re.compile(r"\binv .*")
ENDED = (" is already running on ", "There is no unfinished deployment ", "there is nothing to heal", "nobody holds ")
PROGRAM = "import sys; sys.argv[0] = 'inv'; from tagship.tasks.program import run; run()"
SERVES = re.compile(r"^(?P<version>\d\S+) is serving\.")


@dataclass
class Ground:
    """A practice clone of an example that ran FIRST and runs SECOND; `outside` is down while that file is there."""

    place: Example
    outside: Path
    published: dict[str, str] = field(default_factory=dict)  # by fault

    @property
    def running(self) -> Running:
        return self.place.running

    @property
    def app(self) -> bootstrap.Wiring:
        return bootstrap.app(self.place.work)

    # -- what a kind says ----------------------------------------------------------------------------------------------

    @abstractmethod
    def answers(self) -> str:
        """The version that a caller meets."""

    @abstractmethod
    def calm(self) -> None:
        """Have nothing misbehave, and nothing take long."""

    def up(self, _command: str = "") -> None:
        """What is outside is there again."""
        self.outside.unlink(missing_ok=True)

    # -- where each test begins ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """SECOND serves, FIRST did before; both are good, nobody holds the environment, and all is as it was made."""
        self.up()
        self.calm()
        app = self.app
        seen = app.leases.look("dev")
        if seen and seen.held:
            app.leases.release(seen.record)
        history = app.ledger.deployments("dev")
        if serving(history) != SECOND or not history[-1].ended or self._met() != SECOND:
            with suppress(Refused, Incomplete, DeployFailed):  # what it comes to is looked up below
                rollback(app, to=SECOND, allow_bad=True)
        for version in (FIRST, SECOND, *self.published.values()):
            with suppress(Refused):
                mark_good(app, version=version, reason="a test begins")
        assert self.answers() == SECOND

    def _met(self) -> str:
        """What a caller meets, if anything answers."""
        try:
            return self.answers()
        except (OSError, ValueError, KeyError):
            return ""

    def publish(self, fault: str = "", *, anew: bool = False) -> str:
        """A version that is stored: the last one with that fault, or another."""
        if anew or fault not in self.published:
            self.published[fault] = f"0.1.{self._number()}-dev"
            self.place.publish(self.published[fault], fault)
        return self.published[fault]

    def _number(self) -> int:
        tags = git(self.place.work, "tag", "--list", "0.1.*-dev").split()
        return max(int(tag.removeprefix("0.1.").removesuffix("-dev")) for tag in tags) + 1

    # -- typing --------------------------------------------------------------------------------------------------------

    def type(self, command: str) -> Ran:
        """Type a command as it is printed, in a shell, without a terminal."""
        return self._ran(["bash", "-c", command], command)

    def inv(self, *words: str, before: str = "") -> Ran:
        """Run `inv …` in a process whose first lines are `before`."""
        return self.ended(self.launched(*words, before=before), *words)

    def launched(self, *words: str, before: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", f"{before}\n{PROGRAM}", *words],
            cwd=self.place.work, env=self._environment() | {"PYTHONPATH": str(HERE)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ended(self, child: subprocess.Popen[str], *words: str) -> Ran:
        out, err = child.communicate(timeout=180)
        return Ran(" ".join(["inv", *words]), child.returncode, out, err)

    def _ran(self, program: list[str], typed: str) -> Ran:
        done = subprocess.run(
            program, cwd=self.place.work, env=self._environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        return Ran(typed, done.returncode, done.stdout, done.stderr)

    def _environment(self) -> dict[str, str]:
        gone = ("GITHUB_", "TAGSHIP_", "AWS_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(gone) and name != "CI"}
        return kept | {"PATH": f"{BIN}{os.pathsep}{kept['PATH']}"}

    def free(self) -> None:
        """Wait until nobody holds the environment: a dead one's lease expires."""
        until(lambda: (seen := self.app.leases.look("dev")) is None or not seen.held, TTL * 2)

    def switch(self, **asked: object) -> None:
        post(self.running, "faults", asked)


@dataclass(frozen=True)
class Failure:
    """How something goes wrong: `brought` returns what was printed then, `code` is its exit code.

    `mended` lifts the cause, for who takes that command. `serves` is what serves then; "" is not looked up.
    """

    brought: Callable[[Any], Ran]
    code: int
    mended: Callable[[Any, str], None] = lambda ground, _: ground.calm()
    serves: str = SECOND


def lead_out(ground: Ground, failure: Failure) -> list[str]:
    """Take each way out that a failure prints, one after the other; return the commands."""
    taken: list[str] = []
    while True:
        ground.begin()
        ran = failure.brought(ground)
        assert ran.code == failure.code, ran.out + ran.err
        assert "Traceback" not in ran.err, ran.err
        _says_what_serves(ground, failure, ran)
        ways = commands_of(next_lines(ran.err)) or advised(ran)
        assert ways, ran.out + ran.err
        if len(taken) == len(ways):
            return taken
        failure.mended(ground, ways[len(taken)])
        _lead(ground, ran, ways[len(taken)])
        taken.append(ways[len(taken)])


def commands_of(lines: list[str]) -> list[str]:
    """Each command that some lines name, the last thing on its line; those of other programs are left out."""
    found = [match[0] for line in lines if (match := COMMAND.search(line))]
    return list(dict.fromkeys(re.split(r"[;,)] |\)$|\. ", text)[0].strip().rstrip(".") for text in found))


def _says_what_serves(ground: Ground, failure: Failure, ran: Ran) -> None:
    if failure.serves:
        assert ground.answers() == failure.serves, ran
    named = SERVES.match(ran.now)
    assert not named or named["version"] == ground.answers(), ran


def _lead(ground: Ground, failed: Ran, command: str) -> None:
    """Take a way out, until the environment is settled."""
    settled(ground, f"{failed.typed} => {take(ground, command)}")


def take(ground: Ground, command: str) -> str:
    """Type a command, and what it prints, until it is done; return all that was typed."""
    typed: list[str] = []
    for _ in range(MOST):
        if command.startswith("inv deploy-dev"):
            _fix(ground)
        ran = ground.type(command)
        typed.append(command)
        assert "Traceback" not in ran.err, ran.err
        ways = commands_of(next_lines(ran.err)) if ran.code else advised(ran)
        if not ways or _ended(ran):
            break
        command = ways[0]
    assert _ended(ran) or (ran.typed.startswith(LOOKS) and not ran.code), f"{' => '.join(typed)}: {ran}"
    return " => ".join(typed)


def _fix(ground: Ground) -> None:
    """Commit what mends the version, unless the last commit is not released yet."""
    if git(ground.place.work, "tag", "--points-at", "HEAD"):
        ground.place.commit(f"fixed after 0.1.{ground._number()}")


def advised(ran: Ran) -> list[str]:
    """What is left to do, as a look at how things are says it, or what frees a lease."""
    if not ran.typed.startswith((*LOOKS, "inv unlock")):
        return []
    return [way for way in commands_of(ran.out.splitlines()) if way.startswith(("inv resume", "inv heal"))]


def _ended(ran: Ran) -> bool:
    done = ran.code == 0 and not ran.typed.startswith((*LOOKS, "inv unlock"))
    return done or any(words in ran.err + ran.out for words in ENDED)


def settled(ground: Ground, typed: str) -> None:
    """The ledger's last word is an end, each unit serves what it says, and nobody holds the environment."""
    ground.free()
    app = ground.app
    history = app.ledger.deployments("dev")
    assert history[-1].ended, typed
    [now] = status(app, env="dev")
    assert not now.drifted, (typed, now)
    assert ground.answers() == serving(history) == now.artifact, typed


def first(ground: Ground) -> Ground:
    """Bring FIRST and SECOND out."""
    for version in (FIRST, SECOND):
        ground.place.deploy(version)
    return ground


@contextmanager
def sandbox(
    example: str, folder: Path, changed: Mapping[str, str], settings: str = ""
) -> Iterator[tuple[Running, Path]]:
    """A sandbox of an example whose files are `changed`; OUTSIDE in them is a file that is there while all is down."""
    outside = folder.with_name(f"{folder.name}-outside")
    texts = files(example) | {path: text.replace("OUTSIDE", str(outside)) for path, text in changed.items()}
    begins = 'branch = "dev"'
    texts["tagship.toml"] = texts["tagship.toml"].replace(begins, f"{begins}\nlease_ttl = {TTL}{settings}", 1)
    root = repository(folder, texts)
    old = os.environ["PATH"]
    os.environ["PATH"] = f"{BIN}{os.pathsep}{old}"
    try:
        yield start(root), outside
    finally:
        lifecycle.down(root)
        os.environ["PATH"] = old
