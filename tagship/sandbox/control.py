"""The switches of a running sandbox, for tests and `inv sandbox stop-host`: everything under /sandbox/ on its port."""

from __future__ import annotations

import json
from typing import Any

from tagship.sandbox import web
from tagship.sandbox.hosts.simulated import SimulatedHost
from tagship.sandbox.web import Environ, StartResponse
from tagship.sandbox.world import UnknownSwitch, World


class Control:
    """Switches over HTTP, under /sandbox/, for who has the run's token.

    `POST /sandbox/hosts/<id>/offline`, `…/online`, `POST /sandbox/faults`, and `…/simulated`. Faults are JSON, by the
    names that services registered: {"conflicts": {key: how many 409s}, "dropped": {key: how many answers}, "rates":
    {"dropped": 0.1}, "calendars": {"office-hours": "CLOSED"}, "scale": 0.01, "visible_after": 0.5}; see
    world.World.switches. `GET` of it says how many of each kind there were. `simulated` takes what simulated.Behaviour
    has; `GET` of that says what each such host serves.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        if not self.world.keys.admits(environ.get("HTTP_AUTHORIZATION", "")):
            return web.answer(start_response, "401 Unauthorized", {"message": "The switches are the sandbox's own."})
        status, value = self._answer(environ)
        return web.answer(start_response, status, value)

    def _answer(self, environ: Environ) -> tuple[str, dict[str, Any]]:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"].strip("/").split("/")[1:]:
            case "POST", ["hosts", host, "offline" | "online" as word] if host in self.world.machines:
                online = self.world.machines[host].online
                (online.set if word == "online" else online.clear)()
                return "200 OK", {}
            case "POST", ["faults"]:
                return self._plan(_body(environ))
            case "GET", ["faults"]:
                return "200 OK", dict(self.world.faults.happened)
            case "POST", ["simulated"]:
                self.world.behaviour.change(_body(environ))
                return "200 OK", {}
            case "GET", ["simulated"]:
                return "200 OK", self._simulated()
        return "404 Not Found", {"message": "Not Found"}

    def _plan(self, asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        try:
            self.world.switch(asked)
        except UnknownSwitch as problem:
            return "400 Bad Request", {"message": str(problem)}
        return "200 OK", {}

    def _simulated(self) -> dict[str, Any]:
        hosts = [host for host in self.world.machines.values() if isinstance(host, SimulatedHost)]
        return {host.id: {"serving": host.serving, "fence": host.fence, "orders": list(host.orders)} for host in hosts}


def _body(environ: Environ) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(environ["wsgi.input"].read() or b"{}")
    return value
