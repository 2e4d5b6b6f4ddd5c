"""The proxies that could stand before two colours: how each is configured, started, and told which one to serve."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

COLOURS = ("blue", "green")

NGINX = """\
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000;
  upstream app {{ include {folder}/upstream.conf; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
HAPROXY = """\
global
  maxconn 1024
  hard-stop-after 30s
  stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend control
  bind unix@{folder}/control.sock mode 600
  http-request set-map({folder}/active.map) active %[path,field(2,/)] if METH_PUT {{ path -m str /blue /green }}
  http-request return status 200 content-type text/plain lf-string "%[str(active),map({folder}/active.map)]"
frontend app
  bind 127.0.0.1:{port}
  use_backend %[str(active),map({folder}/active.map)]
backend blue
  server app 127.0.0.1:{blue}
backend green
  server app 127.0.0.1:{green}
"""


class Proxy(ABC):
    """A candidate: how it is configured, started, and told which colour to serve."""

    name: str
    program: str

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder, self.ports = folder, ports
        self.process: subprocess.Popen[bytes] | None = None
        self.choose("blue")

    @abstractmethod
    def choose(self, colour: str) -> None:
        """Write which colour serves to the file that the proxy reads when it starts."""

    @abstractmethod
    def argv(self) -> list[str]: ...

    @abstractmethod
    def switch(self, colour: str) -> None:
        """Have the running proxy serve another colour; returns when the proxy has been told."""

    def start(self) -> None:
        log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(self.argv(), stdout=log, stderr=log, start_new_session=True)
        wait_for_port(self.ports["proxy"])

    def stop(self) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def memory(self) -> float:
        """Megabytes of all of its processes, shared pages counted once (PSS)."""
        assert self.process
        total = 0
        for pid in tree(self.process.pid):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total / 1024


class NginxReload(Proxy):
    name, program = "nginx, reload", "nginx"

    def choose(self, colour: str) -> None:
        (self.folder / "upstream.conf").write_text(f"server 127.0.0.1:{self.ports[colour]};\n")

    def argv(self) -> list[str]:
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, port=self.ports["proxy"]))
        return [self.program, "-p", str(self.folder), "-c", str(config), "-g", "daemon off;"]

    def switch(self, colour: str) -> None:
        self.choose(colour)
        assert self.process
        self.process.send_signal(signal.SIGHUP)


class Haproxy(Proxy):
    program = "haproxy"

    def choose(self, colour: str) -> None:
        (self.folder / "active.map").write_text(f"active {colour}\n")

    def argv(self) -> list[str]:
        config = self.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(folder=self.folder, port=self.ports["proxy"], **self.colours()))
        return [self.program, "-W", "-f", str(config)]

    def colours(self) -> dict[str, int]:
        return {colour: self.ports[colour] for colour in COLOURS}


class HaproxyReload(Haproxy):
    name = "HAProxy, reload"

    def switch(self, colour: str) -> None:
        self.choose(colour)
        assert self.process
        self.process.send_signal(signal.SIGUSR2)


class HaproxyMap(Haproxy):
    name = "HAProxy, map set at run time"

    def switch(self, colour: str) -> None:
        self.choose(colour)
        told = http.client.HTTPConnection("localhost")
        told.sock = socket.socket(socket.AF_UNIX)
        told.sock.connect(str(self.folder / "control.sock"))
        told.request("PUT", f"/{colour}")
        assert told.getresponse().read() == colour.encode()
        told.close()


CANDIDATES: tuple[type[Proxy], ...] = (NginxReload, HaproxyReload, HaproxyMap)


def wait_for_port(port: int) -> None:
    end = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def tree(pid: int) -> list[int]:
    """A process and all that came of it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(inner for child in children for inner in tree(int(child)))]
