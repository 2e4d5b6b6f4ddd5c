"""Where a running sandbox is: found upwards from a folder, by the file that its daemon wrote when it was ready.

Standard library only and quick to import: every command of a repository with `sandbox = true` comes through here.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tagship.domain import commands
from tagship.errors import ServiceFailed
from tagship.sandbox.door.keys import NONE, Keys

if TYPE_CHECKING:
    from tagship.sandbox.images import SandboxImages

FOLDER = Path(".tagship") / "sandbox"
FILE = "sandbox.json"
LOCK = "daemon.lock"


@dataclass(frozen=True)
class SandboxHost:
    """One host of a sandbox.

    A folder that stands for a machine's disk, and the port that its app answers on.
    """

    id: str
    name: str
    environment: str
    root: Path
    port: int


@dataclass(frozen=True)
class Running:
    """What a running sandbox is, and where its parts answer."""

    folder: Path
    pid: int
    aws_url: str
    github_url: str
    private_key: Path
    public_key: Path
    origin: Path
    hosts: tuple[SandboxHost, ...] = ()
    started: str = ""  # ISO 8601, UTC
    repository: str = ""  # owner/name, as the stand-in for GitHub knows it
    keys: Keys = NONE
    within: str = ""  # the app's folder in its repository

    @property
    def work(self) -> Path:
        """Return the app's folder in the practice clone."""
        return self.folder / "work" / self.within

    def images(self, say: Callable[[str], None]) -> SandboxImages:
        """Make the stand-in for a container engine and a registry."""
        # `say` hears what it does not do.
        from tagship.sandbox.images import SandboxImages

        return SandboxImages(self.folder / "images", say)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True, default=str) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        value: dict[str, Any] = json.loads(text)
        value["hosts"] = tuple(_host(host) for host in value["hosts"])
        value["keys"] = Keys(**value["keys"])
        for key in ("folder", "private_key", "public_key", "origin"):
            value[key] = Path(value[key])
        return cls(**value)


def _host(value: Mapping[str, Any]) -> SandboxHost:
    return SandboxHost(**{**value, "root": Path(value["root"])})


def locate(start: Path) -> Running | None:
    """Find the running sandbox of `start` or of a folder above.

    None if there is none, or if its daemon is dead. It looks upwards, so that a clone inside the sandbox's own folder
    (the practice clone, a run's checkout) finds it.
    If there is one, this process reaches it directly from now on, whatever proxy the machine has.
    """
    for folder in (start, *start.parents):
        running = read(folder / FOLDER)
        if running and alive(running):
            _past_any_proxy()
            return running
    return None


def _past_any_proxy() -> None:
    """Exempt loopback from any proxy."""
    # In both spellings: which one is read first differs from library to library.
    for name in ("no_proxy", "NO_PROXY"):
        exempt = os.environ.get(name, "")
        if "127.0.0.1" not in exempt.split(","):
            os.environ[name] = ",".join(filter(None, [exempt, "127.0.0.1"]))


def require(start: Path) -> Running:
    """Find the running sandbox; raise ServiceFailed without one."""
    # What `up` does not bring back is said before anybody types it.
    running = locate(start)
    if running:
        require_own(running, start)
        return running
    if any((folder / FOLDER / FILE).is_file() for folder in (start, *start.parents)):
        raise ServiceFailed(
            "The sandbox is not running: its daemon ended without taking it down.",
            state="What its AWS held (ledger, artifacts, secrets) is gone. Its Git repository is kept.",
            remedy=f"Start it again, which empties its hosts: {commands.sandbox('up')}",
        )
    raise ServiceFailed("The sandbox is not running.", remedy=f"Start it: {commands.sandbox('up')}")


def require_own(running: Running, start: Path) -> None:
    """Raise ServiceFailed if the sandbox is of another app than `start`."""
    # A practice clone has every app's folder, and the folder of one app may be below another's.
    top = Path(*running.folder.parts[: -len(FOLDER.parts) - len(Path(running.within).parts)])
    clone = running.folder / "work"
    if start.is_relative_to(running.folder) and not start.is_relative_to(clone):
        return  # a run's checkout
    within = start.relative_to(clone if start.is_relative_to(clone) else top)
    if within == Path(running.within):
        return
    own, other = _named(within), _named(Path(running.within))
    raise ServiceFailed(
        f"The sandbox that is up here belongs to the app in {other}, not to the one in {own}.",
        remedy=f"Start that app's own: cd {shlex.quote(str(top / within))} && {commands.sandbox('up')}",
    )


def _named(within: Path) -> str:
    return "the repository's top" if within == Path() else str(within)


def read(folder: Path) -> Running | None:
    """Read sandbox.json, whether or not its daemon lives."""
    try:
        return Running.from_json((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(running: Running) -> None:
    """Write sandbox.json in one rename."""
    # A reader sees all of it or none.
    partial = running.folder / f"{FILE}.{os.getpid()}"
    partial.unlink(missing_ok=True)  # what is there already keeps its mode, and whoever has opened it
    with open(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(running.to_json())
    partial.replace(running.folder / FILE)


def alive(running: Running) -> bool:
    """Tell whether the daemon lives, by its lock."""
    # Not by its pid: a pid is used again, and a zombie still has one.
    try:
        with (running.folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextlib.contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on a folder until the block ends."""
    # Waits for it. It is freed when the process dies.
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
