"""The sandbox's daemon: `python -m tagship.sandbox.server --folder F --settings tagship.toml`.

One port on loopback answers as AWS (moto, made strict, with an SSM that executes), as GitHub under /github/, and to
the tests under /sandbox/. It writes sandbox.json when all of it is ready, and takes the file away when it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from werkzeug.serving import BaseWSGIServer

from tagship import settings
from tagship.sandbox import pairs, state, web
from tagship.sandbox.actions.api import GitHub
from tagship.sandbox.actions.runner import Runner
from tagship.sandbox.actions.triggers import Triggers
from tagship.sandbox.aws import identities, services
from tagship.sandbox.control import Control
from tagship.sandbox.door.keys import Keys
from tagship.sandbox.door.visitors import guarded
from tagship.sandbox.play import seed
from tagship.sandbox.state import Running, SandboxHost
from tagship.sandbox.web import Environ, StartResponse, WsgiApp
from tagship.sandbox.world import World

LOOK_EVERY = 1.0  # seconds
ENVIRONMENT = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


class Dispatcher:
    """Sends each request to AWS, GitHub or the switches.

    A signed request is for AWS, whatever its path, and so is what is for nobody else: AWS refuses what is not signed.
    """

    def __init__(self, aws: WsgiApp, control: WsgiApp, github: WsgiApp) -> None:
        self.aws, self.control, self.github = aws, control, github

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        signed = environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-")
        if not signed and path.startswith("/github/"):
            return self.github(environ, start_response)
        if not signed and path.startswith("/sandbox/"):
            return self.control(environ, start_response)
        return self.aws(environ, start_response)


def main() -> NoReturn:
    """Run until SIGTERM."""
    given = _arguments().parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # a developer's profile, or endpoint, is not the sandbox's
    os.environ.update(ENVIRONMENT)
    lock = (given.folder / state.LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)  # held to the end: by this, others know that the daemon lives
    serve(given.folder, settings.load(given.settings), given.settings.parent, given.hosts, given.simulated)
    sys.stderr.flush()
    os._exit(0)  # all is stopped; taking moto apart would take half a second


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="tagship.sandbox.server", description=__doc__)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--settings", type=Path, required=True)
    arguments.add_argument("--hosts", type=int, default=1)
    arguments.add_argument("--simulated", type=int, default=0)
    return arguments


def serve(folder: Path, chosen: settings.Settings, root: Path, hosts: int, simulated: int) -> None:
    """Answer, execute and run workflows until SIGTERM or SIGINT."""
    others = {account.account for account in chosen.accounts} - {"", pairs.DEFAULT}
    keys = Keys.new({account: identities.issue(account) for account in sorted(others)})
    world = World(folder, chosen.accounts[0].region, pairs.pairs(folder, chosen), keys=keys)
    for pair in world.pairs:
        pairs.make(pair)
    services.install(world)
    runner = Runner(folder, chosen.ci.repository or f"sandbox/{chosen.app}")
    github = GitHub(
        runner.repository,
        world.origin,
        runner.records,
        runner.cancel,
        runner.rerun,
        keys=world.keys,
        triggers=Triggers(runner),
        pulls=runner.pull_requests,
    )
    world.switches["pulls"] = github.pulls.states.update
    world.url = _listen(guarded(Dispatcher(services.application(world.keys), Control(world), github)))
    stop = _stopped_by_signals()
    planted = seed.plant(seed.Ground(world, chosen, root), hosts, simulated)
    runner.start(f"{world.url}{github.top}", world.keys.token)
    clone = (folder / "work").resolve()
    within = str(root.resolve().relative_to(clone)) if root.resolve().is_relative_to(clone) else "."
    running = _running(world, github, planted, "" if within == "." else within)
    state.write(running)
    _keep_known(running, stop)
    (folder / state.FILE).unlink(missing_ok=True)
    runner.stop()
    world.cancel_commands()


def _keep_known(running: Running, stop: threading.Event) -> None:
    """Wait for a signal, or until the folder is gone."""
    # A state file that somebody removed is written again.
    while not stop.wait(LOOK_EVERY) and running.folder.is_dir():
        if not (running.folder / state.FILE).exists():
            with contextlib.suppress(OSError):
                state.write(running)


def _listen(app: WsgiApp) -> str:
    """Serve on a port of loopback, in a thread; return the address."""
    server: BaseWSGIServer = web.server(app)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def _stopped_by_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _running(world: World, github: GitHub, hosts: tuple[SandboxHost, ...], within: str) -> Running:
    return Running(
        folder=world.folder,
        pid=os.getpid(),
        aws_url=world.url,
        github_url=f"{world.url}{github.top}",
        private_key=world.private_key,
        public_key=world.public_key,
        origin=world.origin,
        hosts=hosts,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        repository=github.repository,
        keys=world.keys,
        within=within,
    )


if __name__ == "__main__":
    main()
