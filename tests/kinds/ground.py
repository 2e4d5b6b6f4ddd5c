"""Where the remedies of a kind are typed: a practice clone that ran FIRST and runs SECOND, settled before each test."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tagship import bootstrap
from tagship.domain import layout
from tagship.domain.deployment import serving
from tagship.domain.standing import bad_versions
from tagship.errors import Refused
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.heal import heal
from tagship.verbs.mark_good import mark_good
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.faults.ground import HERE, Ran
from tests.journeys.example import FIRST, SECOND, Example, files
from tests.journeys.test_release import BIN
from tests.sandbox.conftest import git, post, repository, start, until

TTL = 120  # seconds: a program that starts slowly, or beats slowly, keeps its lease
SOON = 3  # seconds in which a dead one's lease is made to expire
LONGEST = 120.0  # seconds that what AWS does by itself may take to end
PROGRAM = "import sys; sys.argv[0] = 'inv'; from tagship.tasks.program import run; run()"
IMAGE = "[environments.dev.image]\n"


@dataclass
class Ground:
    """A practice clone of an example that ran FIRST and runs SECOND; `outside` is down while that file is there."""

    place: Example
    outside: Path
    published: dict[str, str] = field(default_factory=dict)  # by fault
    runners: list[subprocess.Popen[str]] = field(default_factory=list)
    windows: list[Any] = field(default_factory=list)  # of pexpect

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
        """Have nothing misbehave, and nothing take long or wait for anybody."""

    @abstractmethod
    def goes_on(self) -> str:
        """What AWS itself has not ended yet, in words."""

    def up(self, _command: str = "") -> None:
        """What is outside is there again."""
        self.outside.unlink(missing_ok=True)

    # -- where each test begins ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """SECOND serves, FIRST did before; both are good, nobody holds the environment, and nothing goes on.

        Fails with what is so, if it can't be brought there.
        """
        self._end_runners()
        self.up()
        self.calm()
        self.rest()
        self._take_lease_away()
        if self.unsettled(SECOND):
            self._bring_second()
            self.rest()
        self._mark_good()
        if why := self.unsettled(SECOND):
            raise AssertionError(f"a test can't begin: {why}")

    def _end_runners(self) -> None:
        """End what a test that failed left behind."""
        for runner in self.runners:
            if runner.poll() is None:
                runner.kill()
                runner.communicate()
        for window in self.windows:
            window.close(force=True)
        self.runners.clear()
        self.windows.clear()

    def rest(self) -> None:
        """Wait for what AWS itself has begun."""
        try:
            until(lambda: not self.goes_on(), LONGEST)
        except AssertionError as reason:
            raise AssertionError(f"a test can't begin: after {LONGEST:.0f} s, {self.goes_on()}") from reason

    def _take_lease_away(self) -> None:
        """Free the environment, also of one who is dead and has not given it back."""
        seen = self.app.leases.look("dev")
        if seen and seen.record.holder:
            self.app.leases.release(seen.record)

    def _bring_second(self) -> None:
        app = self.app
        try:
            rollback(app, to=SECOND, allow_bad=True)
        except Refused as reason:
            if " is already running on " not in reason.what:
                raise
            heal(app, env="dev")

    def _mark_good(self) -> None:
        app = self.app
        for version in bad_versions(app.ledger.deployments("dev"), app.ledger.marks("dev")):
            mark_good(app, version=version, env="dev", reason="a test begins")

    def unsettled(self, version: str = "") -> str:
        """Why the environment does not rest at what the ledger says, or at a version; empty if it does."""
        app, met = self.app, self.met()
        history, seen = app.ledger.deployments("dev"), app.leases.look("dev")
        wanted, last = version or serving(history), history[-1]
        [now] = status(app, env="dev")
        whys = {
            f"{seen.record.holder if seen else ''} holds dev": bool(seen and seen.held),
            f"deployment {last.id} of {last.artifact_id} is {last.state}": not last.ended,
            f"the ledger says that {serving(history)} serves, and not {wanted}": serving(history) != wanted,
            f"callers meet {met or 'nobody'}, and not {wanted}": met != wanted,
            f"status says: {now}": now.drifted or now.artifact != wanted,
            self.goes_on(): True,
        }
        return next((why for why, so in whys.items() if so and why), "")

    def met(self) -> str:
        """The version that a caller meets, if anything answers."""
        try:
            return self.answers()
        except (OSError, ValueError, KeyError):
            return ""

    def publish(self, fault: str = "", *, anew: bool = False) -> str:
        """A version that is stored: the last one with that fault, or another."""
        if anew or fault not in self.published:
            self.published[fault] = f"0.1.{self.number()}-dev"
            self.place.publish(self.published[fault], fault)
            if fault:  # whatever is released next is good
                self.place.commit(f"after {self.published[fault]}")
        return self.published[fault]

    def number(self) -> int:
        tags = git(self.place.work, "tag", "--list", "0.1.*-dev").split()
        return max(int(tag.removeprefix("0.1.").removesuffix("-dev")) for tag in tags) + 1

    def platform(self, name: str) -> None:
        """What images are built for, from the next commit on."""
        settings = self.place.work / "tagship.toml"
        text = "".join(line for line in settings.read_text("utf-8").splitlines(True) if not line.startswith("platform"))
        settings.write_text(text.replace(IMAGE, f'{IMAGE}platform = "{name}"\n') if name else text, "utf-8")
        if git(self.place.work, "status", "--short", "tagship.toml"):
            git(self.place.work, "commit", "--quiet", "--all", "-m", f"Build for {name or 'any'}")

    # -- typing --------------------------------------------------------------------------------------------------------

    def type(self, command: str) -> Ran:
        """Type a command as it is printed, in a shell, without a terminal."""
        return self._ran(["bash", "-c", command], command)

    def inv(self, *words: str, before: str = "") -> Ran:
        """Run `inv …` in a process whose first lines are `before`."""
        return self.ended(self.launched(*words, before=before), *words)

    def launched(self, *words: str, before: str = "") -> subprocess.Popen[str]:
        runner = subprocess.Popen(
            [sys.executable, "-c", f"{before}\n{PROGRAM}", *words],
            cwd=self.place.work, env=self.environment() | {"PYTHONPATH": str(HERE)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.runners.append(runner)
        return runner

    def ended(self, child: subprocess.Popen[str], *words: str) -> Ran:
        out, err = child.communicate(timeout=180)
        return Ran(" ".join(["inv", *words]), child.returncode, out, err)

    def _ran(self, program: list[str], typed: str) -> Ran:
        done = subprocess.run(
            program, cwd=self.place.work, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip
        return Ran(typed, done.returncode, done.stdout, done.stderr)

    def environment(self) -> dict[str, str]:
        gone = ("GITHUB_", "TAGSHIP_", "AWS_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(gone) and name != "CI"}
        return kept | {"PATH": f"{BIN}{os.pathsep}{kept['PATH']}"}

    def free(self) -> None:
        """Have nobody hold the environment: a dead one's lease expires."""
        self.expire()
        until(lambda: (seen := self.app.leases.look("dev")) is None or not seen.held, LONGEST)

    def expire(self) -> None:
        """Have the lease expire soon, if a dead one holds it: nobody waits for all of its time."""
        app = self.app
        seen = app.leases.look("dev")
        if seen and seen.held:
            sooner = replace(seen.record, ttl=int(seen.age.total_seconds()) + SOON)
            app.store.replace(layout.lease(app.settings.app, "dev"), sooner.to_json(), seen.etag)

    def switch(self, **asked: object) -> None:
        post(self.running, "faults", asked)


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


class CarriedOn(Ground):
    """A kind whose change AWS carries on with by itself, on and back: services and groups."""

    @abstractmethod
    def goes_back(self) -> bool:
        """Whether all that AWS has not ended is on its way back."""
