"""The sandbox's daemon: `python -m tagship.sandbox.server --folder F --settings tagship.toml`.

One port on loopback answers as AWS (moto, made strict, with an SSM that executes), as GitHub under /github/, and to
the tests under /sandbox/. It writes sandbox.json when all of it is ready, and takes the file away when it ends.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from tagship import settings
from tagship.sandbox import state, web
from tagship.sandbox.actions.api import GitHub
from tagship.sandbox.actions.runner import Runner
from tagship.sandbox.aws import calendars, cloudformation, kms, s3, ssm
from tagship.sandbox.hosts.simulated import SimulatedHost
from tagship.sandbox.play import seed
from tagship.sandbox.web import Environ, StartResponse

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "sandbox",
    "AWS_SECRET_ACCESS_KEY": "sandbox",
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


class Dispatcher:
    """Who answers a request: a signed one is for AWS, whatever its path."""

    def __init__(self, control: Control, github: GitHub) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.aws = DomainDispatcherApplication(create_backend_app)
        self.control, self.github = control, github

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        signed = environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-")
        if not signed and path.startswith("/github/"):
            return self.github(environ, start_response)
        if not signed and path.startswith("/sandbox/"):
            return self.control(environ, start_response)
        answer: Iterable[bytes] = self.aws(environ, start_response)
        return answer


class Control:
    """What tests switch: `POST /sandbox/hosts/<id>/offline`, `…/online`, `POST /sandbox/faults`, and `…/simulated`.

    Faults are JSON: {"conflicts": {key: how many 409s}, "dropped": {key: how many answers}, "rates": {"dropped": 0.1},
    "calendars": {"office-hours": "CLOSED"}, "scale": 0.01, "visible_after": 0.5}; see s3.Faults, calendars.Calendars
    and ssm.Pace. `GET` of it says how many of each there were. `simulated` takes what simulated.Behaviour has; `GET`
    of that says what each such host serves.
    """

    def __init__(self, agents: ssm.Agents) -> None:
        self.agents = agents

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"].strip("/").split("/")[1:]:
            case "POST", ["hosts", host, "offline" | "online" as word] if host in self.agents.machines:
                online = self.agents.machines[host].online
                (online.set if word == "online" else online.clear)()
            case "POST", ["faults"]:
                self._faults(json.loads(environ["wsgi.input"].read() or b"{}"))
            case "GET", ["faults"]:
                return web.answer(start_response, "200 OK", dict(s3.Faults.done))
            case "POST", ["simulated"]:
                self.agents.behaviour.change(json.loads(environ["wsgi.input"].read() or b"{}"))
            case "GET", ["simulated"]:
                return web.answer(start_response, "200 OK", self._simulated())
            case _:
                return web.answer(start_response, "404 Not Found", {"message": "Not Found"})
        return web.answer(start_response, "200 OK", {})

    def _simulated(self) -> dict[str, Any]:
        found = [each for each in self.agents.machines.values() if isinstance(each, SimulatedHost)]
        return {each.id: {"serving": each.serving, "fence": each.fence, "orders": list(each.orders)} for each in found}

    def _faults(self, asked: dict[str, Any]) -> None:
        s3.Faults.conflicts.update(asked.get("conflicts", {}))
        s3.Faults.dropped.update(asked.get("dropped", {}))
        s3.Faults.rates.update(asked.get("rates", {}))
        calendars.Calendars.states.update(asked.get("calendars", {}))
        self.agents.pace.scale = float(asked.get("scale", self.agents.pace.scale))
        self.agents.pace.visible_after = float(asked.get("visible_after", self.agents.pace.visible_after))


def main() -> NoReturn:
    """Run until SIGTERM."""
    arguments = argparse.ArgumentParser(prog="tagship.sandbox.server", description=__doc__)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--settings", type=Path, required=True)
    arguments.add_argument("--hosts", type=int, default=1)
    arguments.add_argument("--simulated", type=int, default=0)
    given = arguments.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # a developer's profile, or endpoint, is not the sandbox's
    os.environ.update(ENVIRONMENT)
    lock = (given.folder / state.LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)  # held to the end: by this, others know that the daemon lives
    serve(given.folder, settings.load(given.settings), given.settings.parent, given.hosts, given.simulated)
    sys.stderr.flush()
    os._exit(0)  # all is stopped; taking moto apart would take half a second


def serve(folder: Path, chosen: settings.Settings, root: Path, hosts: int, simulated: int) -> None:
    """Answer, execute and run workflows until SIGTERM or SIGINT."""
    s3.install()
    cloudformation.install()
    kms.install()
    if chosen.signing and chosen.signing.key.startswith("kms:"):
        kms.hold(folder / "keys/release.key.pem", chosen.signing.key.removeprefix("kms:"), chosen.aws.region)
    agents = ssm.Agents()
    ssm.install(agents)
    calendars.install()
    repository = chosen.ci.repository or f"sandbox/{chosen.app}"
    runner = Runner(folder, repository)
    github = GitHub(repository, folder / "origin.git", runner.records, runner.cancel)
    server = web.server(Dispatcher(Control(agents), github))
    url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    planted = seed.plant(seed.Ground(url, folder, chosen, root), hosts, agents, simulated)
    runner.start(f"{url}/github")
    state.write(
        state.Running(
            folder=folder,
            pid=os.getpid(),
            aws_url=url,
            github_url=f"{url}/github",
            private_key=folder / "keys/release.key.pem",
            public_key=folder / "keys/release.pub.pem",
            origin=folder / "origin.git",
            hosts=planted,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            repository=repository,
        )
    )
    stop.wait()
    (folder / state.FILE).unlink(missing_ok=True)
    runner.stop()
    agents.cancel_all()


if __name__ == "__main__":
    main()
