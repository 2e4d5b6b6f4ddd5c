"""A host for tests: a folder that stands for its disk, and stage 1 run on it as the SSM agent would."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagship.domain.ec2 import document
from tagship.domain.ec2.order import Order
from tagship.sandbox.hosts.ports import Ports
from tagship.sandbox.hosts.tools import SYSTEM, install_tools
from tests.sandbox.bundles import ROOT, Bundle, public_pem, release_key

PORTS = Ports()
DEPLOYMENT = "20261120-155301-123456-{:06x}"
ENTRY = (ROOT / "deploy/host/entry.sh").read_text("utf-8")
TEMPLATE = (ROOT / "deploy/aws/ssm-document.json").read_text("utf-8")
AWS = """#!/bin/sh
# The tests' stand-in for the AWS CLI: `aws s3 cp s3://bucket/key file`, out of a folder.
[ "$1 $2" = "s3 cp" ] || exit 2
from="$TAGSHIP_TEST_BUCKET/${3#s3://hello-artifacts/}"
[ -f "$from" ] || { echo "fatal error: An error occurred (404): Not Found" >&2; exit 1; }
echo "$3" >>"$TAGSHIP_TEST_BUCKET/asked"
exec cp "$from" "$4"
"""


@dataclass
class Answer:
    """What a command on the host gave back."""

    code: int
    output: str
    errors: str
    seconds: float

    @property
    def verdict(self) -> dict[str, Any]:
        line = self.output.split("\n", 1)[0]
        try:
            value: dict[str, Any] = json.loads(line)
        except ValueError:
            raise AssertionError(f"no verdict; exit {self.code}\n{self.output}\n{self.errors}") from None
        return value

    def __getattr__(self, name: str) -> Any:
        return self.verdict[name]


@dataclass
class Machine:
    """One host of the app hello in dev. `fence` and deployment ids go up by themselves unless a test says otherwise."""

    root: Path
    bucket: Path
    port: int = field(default_factory=PORTS.free)
    count: int = 0
    numbers: str = ""  # of the settings today: those that the last bundle was made by

    def __post_init__(self) -> None:
        pinned = self.root / "etc/tagship/hello"
        pinned.mkdir(parents=True)
        (pinned / "release.pub.pem").write_bytes(public_pem(release_key()))
        (pinned / "host.conf").write_text(f"PORT={self.port}\n")
        tools = self.root / "bin"
        tools.mkdir()
        install_tools(tools, ("tagship-proxy",))
        self.tool("aws", AWS)
        self.bucket.mkdir(exist_ok=True)

    @property
    def base(self) -> Path:
        return self.root / "opt/hello"

    def tool(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(self.root / "bin"), *SYSTEM]),
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "TAGSHIP_HOST_ROOT": str(self.root),
            "TAGSHIP_TEST_BUCKET": str(self.bucket),
            "AWS_SECRET_ACCESS_KEY": "of the host alone",
            **more,
        }

    def order(self, action: str, bundle: Bundle | None, **changes: Any) -> Order:
        self.count += 1
        self.numbers = bundle.numbers if bundle else self.numbers
        values = {
            "artifact_id": bundle.artifact if bundle else "",
            "manifest_sha256": bundle.manifest_sha256 if bundle else "",
            "deployment_id": DEPLOYMENT.format(self.count) if bundle else "",
            "fence": self.count,
            "numbers": self.numbers,
            **changes,
        }
        return Order(action, values.pop("app", "hello"), "dev", bucket="hello-artifacts", region="us-east-1", **values)

    def start(self, order: Order, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Stage 1 as the agent runs it: the document's lines under `sh`, in a session of their own."""
        script = "\n".join(commands(order)) + "\n"
        path = self.root / f"_script-{self.count}.sh"
        path.write_text(script)
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["sh", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=self.environment(more or {}),
            start_new_session=True,
            encoding="utf-8",
        )

    def run(self, order: Order, more: Mapping[str, str] | None = None) -> Answer:
        began = time.monotonic()
        process = self.start(order, more)
        output, errors = process.communicate(timeout=120)
        return Answer(process.returncode, output, errors, time.monotonic() - began)

    def deploy(self, bundle: Bundle, more: Mapping[str, str] | None = None, **changes: Any) -> Answer:
        return self.run(self.order("deploy", bundle, **changes), more)

    def rollback(self, bundle: Bundle, more: Mapping[str, str] | None = None, **changes: Any) -> Answer:
        return self.run(self.order("rollback", bundle, **changes), more)

    def status(self) -> Answer:
        return self.run(self.order("status", None, fence=0))

    def prune(self) -> Answer:
        return self.run(self.order("prune", None))

    def answers(self, path: str = "/healthz") -> str:
        """The version that answers on the app's port; empty when none does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(json.load(answer)["version"])
        except (OSError, ValueError):
            return ""

    def record(self, name: str) -> list[str]:
        path = self.base / "run" / name
        return path.read_text().split() if path.exists() else []

    def living(self) -> list[str]:
        """Artifacts whose process runs, by the records of the two colours."""
        records = [self.record(colour) for colour in ("blue", "green")]
        return [record[3] for record in records if record and runs(record[0])]

    def state(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.base / "state.json").read_text())
        return value

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.base / "journal.jsonl").read_text().splitlines()]

    def tear_down(self) -> None:
        """Every process of the host is gone, as after a power cut."""
        for name in ("blue", "green", "proxy"):
            record = self.record(name)
            if record:
                with suppress(ProcessLookupError):
                    os.killpg(int(record[0]), signal.SIGKILL)
                while runs(record[0]):
                    time.sleep(0.01)


def runs(pid: str) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def commands(order: Order) -> list[str]:
    """The document's lines with the order's values put in, as the agent does: plain text."""
    step = json.loads(document.render(TEMPLATE, ENTRY))["mainSteps"][0]
    lines: list[str] = step["inputs"]["runCommand"]
    for name, [value] in document.parameters(order).items():
        lines = [line.replace("{{ " + name + " }}", value) for line in lines]
    return lines


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    one = Machine(folder / "host", folder / "bucket")
    try:
        yield one
    finally:
        one.tear_down()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """That folder's file system takes no writing, as after an error of the disk; needs root."""
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
