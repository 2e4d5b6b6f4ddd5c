"""Records every outside call of a Python process, and makes one of them go wrong.

Python imports a module of this name by itself where its folder is on PYTHONPATH: the program under test runs as it is,
in a process of its own, and knows nothing of this. TAGSHIP_FAULTS names a folder:

- `calls`: a line a call, in the order they were made, by the name that `fault.json` gives back;
- `fault.json`: {"call": name, "kind": one of the kinds below, "stall": seconds}; left out, nothing goes wrong;
- `fired`: there once that fault has happened.

A call is what the program asked for; the client beneath it may try several times, and only what is sent is tampered
with, so the client's own repetition and timeouts are part of what is tested. Waits between tries are shortened.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import io
import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

SCALE = 0.05  # of the clients' own waits, and of a stall of 30 s
STALL = 30.0
POLLS = (
    "ssm ListCommandInvocations",
    "ssm ListCommands",
    "ssm GetCommandInvocation",
    "github ",
    "s3 GetObject _ledger",
)
"""Asked again and again, a different number of times in each run: the first of each is the one that goes wrong."""
ENDED = re.compile(r"(?<=/)\d+-[a-z-]+(?=\.json$)")
"""A state of an earlier deployment, as the ledger names it: what it was depends on the case before."""


class Faults:
    """What this process is told to do to itself, and what it called so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        file = folder / "fault.json"
        self.fault: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.present = threading.local()
        self.tries: Counter[str] = Counter()

    def begin(self, name: str) -> str:
        """Record a call; returns the kind of fault that it is to have, empty for none."""
        if threading.current_thread().name.startswith("heartbeat of"):
            name += " (heartbeat)"
        with self.lock:
            self.counts[name] += 1
            number = self.counts[name]
            polled = name.startswith(POLLS) or name.endswith("(heartbeat)")
            if number > 1 and not polled:
                name += f" #{number}"
            with (self.folder / "calls").open("a") as out:
                out.write(name + "\n")
        again = polled and number > 1 and not (name.startswith("github") and self.kind == "throttled")
        if self.fault.get("call") != name or again:
            return ""
        self.fired()
        if self.kind == "killed before":
            die()
        return self.kind

    @property
    def kind(self) -> str:
        return self.fault.get("kind", "")

    def fired(self) -> None:
        (self.folder / "fired").touch()

    def throttles(self, name: str) -> bool:
        """Whether this try is one of the three that are refused."""
        self.tries[name] += 1
        return self.tries[name] <= 3


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def plain(text: str) -> str:
    """A name that is the same in every run: ids, versions, environments and ports are left out."""
    text = re.sub(r"\b\d{8}-\d{6}-\d{6}-[0-9a-f]{6}\b", "<id>", text)
    text = re.sub(r"\b\d+\.\d+\.\d+-[a-z]+\d*\b", "<version>", text)
    text = re.sub(r"\b[0-9a-f]{12,40}\b", "<commit>", text)
    text = re.sub(r"\b[ed]\d+\b", "<env>", text)
    text = re.sub(r"\bf\d+\b", "<source>", text)
    return re.sub(r"(?<=/)\d{3,}\b", "<n>", text)


# -- AWS ---------------------------------------------------------------------------------------------------------------


def botocore_client(module: ModuleType, faults: Faults) -> None:
    """An API call, as the program asks for it."""
    inner = module.BaseClient._make_api_call

    def call(self: Any, operation: str, params: dict[str, Any]) -> Any:
        service = self.meta.service_model.service_name
        what = params.get("Key") or params.get("Prefix") or ""
        what = what.split("/", 1)[-1]
        if operation == "GetObject":
            what = ENDED.sub("<state>", what)
        if service == "ssm" and operation == "SendCommand":
            what = params["Comment"].split()[1]
        kind = faults.begin(plain(f"{service} {operation} {what}".strip()))
        faults.present.kind, faults.present.tries = kind, 0
        try:
            answer = inner(self, operation, params)
        finally:
            faults.present.kind = ""
        if kind == "killed after":
            die()
        return answer

    module.BaseClient._make_api_call = call


def botocore_endpoint(module: ModuleType, faults: Faults) -> None:
    """One try of it, on the wire."""
    inner = module.Endpoint._send

    def send(self: Any, request: Any) -> Any:
        kind = getattr(faults.present, "kind", "")
        faults.present.tries = number = getattr(faults.present, "tries", 0) + 1
        from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError

        if kind == "error before":
            raise ConnectTimeoutError(endpoint_url=request.url)
        if kind == "throttled" and number <= 3:
            return refusal(request)
        if kind == "stalled" and number == 1:
            time.sleep(STALL * SCALE)
        answer = inner(self, request)
        if kind == "answer lost" or (kind == "answer lost once" and number == 1):
            _ = answer.content
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    module.Endpoint._send = send


class Raw(io.BytesIO):
    def stream(self, amount: int = 65536, decode_content: bool = True) -> Any:
        yield self.read()


def refusal(request: Any) -> Any:
    """What S3, EC2 and the JSON services say to somebody who asks too often."""
    from botocore.awsrequest import AWSResponse

    status, kind, text = 503, "application/xml", "<Error><Code>SlowDown</Code><Message>Slow down</Message></Error>"
    if request.headers.get("X-Amz-Target"):
        status, kind, text = 400, "application/x-amz-json-1.1", '{"__type": "ThrottlingException", "message": "Slow"}'
    elif "Action=" in str(request.body):
        text = "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>"
    elif request.method == "HEAD":
        text = ""
    return AWSResponse(request.url, status, {"content-type": kind}, Raw(text.encode()))


def botocore_backoff(module: ModuleType, _faults: Faults) -> None:
    inner = module.ExponentialBackoff.delay_amount
    module.ExponentialBackoff.delay_amount = lambda self, context: inner(self, context) * SCALE


# -- GitHub ------------------------------------------------------------------------------------------------------------


def requests_sessions(module: ModuleType, faults: Faults) -> None:
    """A request of the GitHub adapter."""
    from requests.exceptions import ConnectionError as Broken
    from requests.exceptions import ReadTimeout

    inner = module.Session.send

    def send(self: Any, request: Any, **options: Any) -> Any:
        path = request.url.split("?")[0].split("/repos/")[-1].split("/", 2)[-1]
        kind = faults.begin(plain(f"github {request.method} {path}"))
        limit = options.get("timeout") or STALL
        if kind == "error before":
            raise Broken("the connection was refused")
        if kind == "throttled" and faults.throttles(path):
            return too_many(request)
        if kind == "stalled":
            time.sleep(min(limit, STALL) * SCALE)
            if limit < STALL:
                raise ReadTimeout("nothing came in time")
        answer = inner(self, request, **options)
        if kind == "killed after":
            die()
        if kind in {"answer lost", "answer lost once"}:
            raise Broken("the connection was closed")
        return answer

    module.Session.send = send


def too_many(request: Any) -> Any:
    from requests import Response

    answer = Response()
    answer.status_code, answer.url, answer.request = 429, request.url, request
    answer._content = b'{"message": "You have exceeded a secondary rate limit"}'
    answer.headers["content-type"] = "application/json"
    return answer


# -- Git ---------------------------------------------------------------------------------------------------------------

BROKEN = "echo 'fatal: unable to access the remote: Could not resolve host' >&2; exit 128"
HUNG_UP = '"$@" >/dev/null 2>&1; echo "fatal: the remote end hung up unexpectedly" >&2; exit 128'
TOO_MANY = "echo 'error: RPC failed; HTTP 429 curl 22' >&2; exit 128"


def git_process(module: ModuleType, faults: Faults) -> None:
    """A git program, as tagship starts it."""
    inner = module.begin

    def begin(command: list[str], *rest: Any, **options: Any) -> Any:
        kind = faults.begin(named(command))
        told = {
            "error before": ["sh", "-c", BROKEN],
            "throttled": ["sh", "-c", TOO_MANY],
            "answer lost": ["sh", "-c", HUNG_UP, "sh", *command],
            "answer lost once": ["sh", "-c", HUNG_UP, "sh", *command],
            "stalled": ["sh", "-c", f'sleep {STALL * SCALE}; exec "$@"', "sh", *command],
        }
        process = inner(told.get(kind, command), *rest, **options)
        if kind == "killed after":
            process.communicate()
            die()
        return process

    vars(module)["begin"] = begin


def named(command: list[str]) -> str:
    words = [word for word in command[command.index("git") + 1 :] if word not in {"-c", "fetch.output=full"}]
    verb, *rest = words[2:] if words[0] == "-C" else words
    told = [word for word in rest if not word.startswith("-")]
    if verb == "tag":
        told = told[-2:]
    return f"git {verb} {' '.join(dict.fromkeys(plain(word) for word in told))}"[:70].strip()


# -- putting it in place -----------------------------------------------------------------------------------------------

WRAPPED: dict[str, Callable[[ModuleType, Faults], None]] = {
    "botocore.client": botocore_client,
    "botocore.endpoint": botocore_endpoint,
    "botocore.retries.standard": botocore_backoff,
    "requests.sessions": requests_sessions,
    "tagship.adapters.git.process": git_process,
}


class Finder(importlib.abc.MetaPathFinder):
    """Wraps each module as it is imported: none is imported earlier than the program would."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.seen: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in WRAPPED or name in self.seen:
            return None
        self.seen.add(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        inner, wrap, faults = spec.loader.exec_module, WRAPPED[name], self.faults

        def execute(module: ModuleType) -> None:
            inner(module)
            wrap(module, faults)

        spec.loader.exec_module = execute  # type: ignore[method-assign]
        return spec


if os.environ.get("TAGSHIP_FAULTS"):
    sys.meta_path.insert(0, Finder(Faults(Path(os.environ["TAGSHIP_FAULTS"]))))
