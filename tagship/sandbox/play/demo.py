"""The demo: two good versions, a broken one, a rollback, all through the commands that a person types.

It plays in a throw-away clone with a sandbox of its own, so that neither this repository's tags and branches nor a
sandbox that is already up are touched. Every scene looks at what the host's port answers: a scene that did not end as
it should ends the demo with an error.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tagship.domain import commands
from tagship.errors import Interrupted, Refused, ServiceFailed, UsageError
from tagship.sandbox.play.stories import STORIES, Story
from tagship.sandbox.state import Running, locate

SAMPLE = Path("examples/hello/hello.json")
RULE = "─" * 78


def play(root: Path) -> None:
    """Play every scene."""
    # Raises ServiceFailed, naming the first that did not end as it should.
    if not (root / SAMPLE).is_file():
        raise Refused(f"There is no sample app in {root}.", remedy="Run the demo in a clone of tagship itself.")
    began = time.monotonic()
    with _stage(lambda clone: _clone(root, clone)) as (work, running):
        _scene("1. Ship 0.1.0-dev: tag, push, CI, bundle, S3, SSM, host, healthy")
        _make(work, "deploy-dev", "--version 0.1.0-dev --first --yes")
        _expect(_url(running), "0.1.0-dev")
        _scene("2. Change the greeting and ship the next version, as suggested")
        _change(work, greeting="Hello again")
        _make(work, "deploy-dev", "--yes")
        _expect(_url(running), "0.1.1-dev")
        _scene("3. Ship a broken 0.1.2-dev: its health check catches it, the host stays on 0.1.1-dev")
        _change(work, healthy=False)
        _make(work, "deploy-dev", "--yes", fails=True)
        _expect(_url(running), "0.1.1-dev")
        _scene("4. Take it back: invoke rollback --to 0.1.0-dev")
        _run(work, ["invoke", "rollback", "--to", "0.1.0-dev"])
        _expect(_url(running), "0.1.0-dev")
        _scene("5. What happened")
        _run(work, ["invoke", "history", "--env", "dev"])
    _scene(f"Done in {time.monotonic() - began:.0f} s. The sandbox is down, and nothing was left behind.")


def play_kind(root: Path, kind: str) -> None:
    """Play the same scenes with the example of another kind."""
    # Raises UsageError for an unknown kind; as `play` otherwise.
    story = STORIES.get(kind)
    if story is None:
        known = ", ".join(STORIES)
        raise UsageError(f"Invalid --kind {kind!r}: there are {known}.", remedy=commands.demo(next(iter(STORIES))))
    if not (root / story.folder).is_dir():
        raise Refused(f"There is no {story.folder} in {root}.", remedy="Run the demo in a clone of tagship itself.")
    began = time.monotonic()
    with _stage(lambda clone: story.make(root, clone, _environment())) as (work, running):
        _scene(f"1. Ship 0.1.0-dev to {story.units}: tag, push, CI, healthy")
        _run(work, ["inv", "deploy-dev", "--version", "0.1.0-dev", "--first", "--yes"])
        _seen(story, work, running, "0.1.0-dev")
        _scene("2. Change the greeting and ship the next version, as suggested")
        _change(work, story.file, greeting="Hello again")
        _run(work, ["inv", "deploy-dev", "--yes"])
        _seen(story, work, running, "0.1.1-dev")
        _scene("3. Ship a broken 0.1.2-dev: 0.1.1-dev goes on serving, or is put back")
        _change(work, story.file, **story.broken)
        _run(work, ["inv", "deploy-dev", "--yes"], fails=True)
        _seen(story, work, running, "0.1.1-dev")
        _scene("4. Take it back: inv rollback --to 0.1.0-dev")
        _run(work, ["inv", "rollback", "--to", "0.1.0-dev"])
        _seen(story, work, running, "0.1.0-dev")
        _scene("5. What happened")
        _run(work, ["inv", "history", "--env", "dev"])
    _scene(f"Done in {time.monotonic() - began:.0f} s. The sandbox is down, and nothing was left behind.")


def _seen(story: Story, work: Path, running: Running, version: str) -> None:
    """Look what serves, from outside and by tagship's own word."""
    if story.asked:
        _expect(story.url(work) or _url(running), version)
    _run(work, ["inv", "verify", "--version", version])


@contextmanager
def _stage(make: Callable[[Path], None]) -> Iterator[tuple[Path, Running]]:
    """Make a throw-away clone with a sandbox; remove both at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tagship-demo-"))
    clone = folder / "repository"
    previous = signal.signal(signal.SIGTERM, _interrupted)
    try:
        make(clone)
        _scene("A sandbox: an AWS, a Git remote, a CI runner and a host, on this machine")
        _run(clone, ["invoke", "sandbox", "up"])
        running = locate(clone)
        if running is None:
            raise ServiceFailed("The sandbox did not come up.", remedy="See why: inv sandbox up")
        yield running.work, running
    finally:
        signal.signal(signal.SIGTERM, previous)
        if clone.is_dir():
            subprocess.run(
                ["invoke", "sandbox", "down", "--yes"],
                cwd=clone,
                env=_environment(),
                check=False,
                stdout=subprocess.DEVNULL,
            )
        shutil.rmtree(folder)


def _clone(root: Path, to: Path) -> None:
    """Clone this repository at its HEAD, with no tags."""
    # The demo's versions are its own.
    subprocess.run(["git", "clone", "--quiet", "--no-tags", "--no-hardlinks", str(root), str(to)], check=True)
    subprocess.run(["git", "-C", str(to), "remote", "remove", "origin"], check=True)  # and no branch but HEAD's
    (to / ".venv").symlink_to(Path(sys.prefix))
    with (to / ".git/info/exclude").open("a", encoding="utf-8") as exclude:
        exclude.write("/.venv\n")


def _interrupted(_number: int, _frame: object) -> None:
    raise Interrupted("The demo was stopped.", state="Its sandbox is down.", remedy="Run it again: make demo")


def _environment() -> dict[str, str]:
    """Return this process's environment for a person's demo."""
    # The toolkit's own programs come first, and no variable of CI is left.
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GITHUB_", "TAGSHIP_", "MAKE", "MFLAGS"))
    }
    variables.pop("CI", None)
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables.get('PATH', '')}"
    variables.setdefault("COLUMNS", "80")
    for role in ("AUTHOR", "COMMITTER"):
        variables.setdefault(f"GIT_{role}_NAME", "Ada Demo")
        variables.setdefault(f"GIT_{role}_EMAIL", "ada@example.org")
    return variables


def _scene(title: str) -> None:
    print(f"\n{RULE}\n{title}\n{RULE}", flush=True)


def _make(work: Path, target: str, arguments: str, *, fails: bool = False) -> None:
    _run(work, ["make", "--no-print-directory", target, f"ARGS={arguments}"], fails=fails)


def _run(where: Path, command: Sequence[str], *, fails: bool = False) -> None:
    """Show a command and run it. Raises ServiceFailed for another end."""
    # `fails`: the scene wants it to fail.
    print("$ " + " ".join(f'"{word}"' if " " in word else word for word in command), flush=True)
    code = subprocess.run(command, cwd=where, env=_environment(), check=False).returncode
    if (code != 0) != fails:
        raise ServiceFailed(
            f"`{' '.join(command)}` ended with {code}.",
            state="The demo stopped there; its sandbox is down.",
            remedy="Read the lines above, then run it again: make demo",
        )


def _change(work: Path, file: str | Path = SAMPLE, /, **values: object) -> None:
    """Commit a change of the sample app's settings, as a developer would."""
    path = work / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values, indent=2) + "\n")
    message = f"Set {', '.join(f'{name} to {json.dumps(value)}' for name, value in values.items())}"
    print(f"$ git commit --all -m '{message}'", flush=True)
    subprocess.run(["git", "commit", "--quiet", "--all", "-m", message], cwd=work, env=_environment(), check=True)


def _url(running: Running) -> str:
    return f"http://127.0.0.1:{running.hosts[0].port}/healthz"


def _expect(url: str, version: str) -> None:
    """Look what answers. Raises ServiceFailed if another version does."""
    print(f"$ curl {url}", flush=True)
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # nosec B310 (http, on loopback)
        body = answer.read().decode()
    print(body.strip(), flush=True)
    if json.loads(body).get("version") != version:
        raise ServiceFailed(
            f"The host answers {body.strip()}, not as {version}.",
            state="The demo stopped there; its sandbox is down.",
            remedy="Read the lines above, then run it again: make demo",
        )
