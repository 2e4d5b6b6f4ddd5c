"""Runs the Python handler of a zip file or an image, in a process of its own for each invocation."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.sandbox.functions.function import Snapshot
from tagship.sandbox.functions.images import Images

NO_EXECUTABLE = "Error: fork/exec /lambda-entrypoint.sh: exec format error"  # an image for other processors
TAIL = 4096  # bytes of the log that an answer has
LONGEST_NAME = 140  # characters of an ARN's last part: more is nobody's function

# What Lambda's runtime does, as far as a handler sees it. It gets the folder of the answer as its only argument.
BOOT = """
import importlib, json, pathlib, sys, traceback
place, handler = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(place / "code"))
def answer(name, value):
    (place / name).write_text(json.dumps(value))
try:
    module, _, function = handler.rpartition(".")
    act = getattr(importlib.import_module(module.replace("/", ".")), function)
    answer("payload.json", act(json.loads((place / "event.json").read_text()), None))
except BaseException as error:
    traceback.print_exc()
    answer("error.json", {"errorMessage": str(error), "errorType": type(error).__name__,
                          "stackTrace": traceback.format_tb(error.__traceback__)})
"""


@dataclass(frozen=True)
class Ran:
    """How an invocation ended: its payload, FunctionError or "", and its log."""

    payload: bytes
    error: str
    log: str

    @property
    def tail(self) -> str:
        """Encode the end of the log as LogResult has it."""
        return base64.b64encode(self.log.encode()[-TAIL:]).decode()


def run(content: Snapshot, name: str, version: str, event: bytes, folder: Path) -> Ran:
    """Run the handler on an event."""
    # Its files are below `folder`, if there is one.
    home = folder / "hosts" / "functions"
    made = home if folder.is_dir() else None
    if made:
        made.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name[:LONGEST_NAME]}-", dir=made) as place:
        images = Images(folder / "images")
        if content.image and images.architecture(content.digest) not in content.settings["Architectures"]:
            return Ran(_error(NO_EXECUTABLE, "Runtime.InvalidEntrypoint"), "Unhandled", "")
        environment = _environment(content, name, version, place)
        if content.image:
            environment = {**images.config(content.digest)["variables"], **environment}
        return _ran(content, Path(place), environment, event or b"{}", images)


def pretended(content: Snapshot) -> Ran:
    """Answer without running anything: with what a handler would call its version."""
    variables = content.settings.get("Environment", {}).get("Variables", {})
    return Ran(json.dumps({"version": variables.get("VERSION", "")}).encode(), "", "")


def _unpacked(content: Snapshot, place: Path, images: Images) -> str:
    """Put the code in its place; return the handler."""
    if content.image:
        config = images.config(content.digest)
        (place / "code").symlink_to(images.files(content.digest) / str(config["folder"]).lstrip("/"))
        return str(config["command"][-1])
    (place / "code").mkdir()
    zipfile.ZipFile(io.BytesIO(content.archive)).extractall(place / "code")
    return str(content.settings["Handler"])


def _ran(content: Snapshot, place: Path, environment: Mapping[str, str], event: bytes, images: Images) -> Ran:
    handler = _unpacked(content, place, images)
    (place / "event.json").write_bytes(event)
    command = [sys.executable, "-c", BOOT, str(place), handler]
    timeout = float(content.settings["Timeout"])
    try:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Ran(_error(f"Task timed out after {timeout:.2f} seconds", "Sandbox.Timedout"), "Unhandled", "")
    log = (done.stdout + done.stderr).decode("utf-8", "replace")
    if (place / "payload.json").is_file():
        return Ran((place / "payload.json").read_bytes(), "", log)
    if (place / "error.json").is_file():
        return Ran((place / "error.json").read_bytes(), "Unhandled", log)
    return Ran(_error("Runtime exited without providing a reason", "Runtime.ExitError"), "Unhandled", log)


def _error(message: str, kind: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": kind}).encode()


def _environment(content: Snapshot, name: str, version: str, home: str) -> dict[str, str]:
    """Give it what Lambda gives, and nothing of the sandbox's own process."""
    # HOME marks it as the sandbox's, which ends it when it goes down.
    settings: Mapping[str, Any] = content.settings
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings["MemorySize"]),
        **settings.get("Environment", {}).get("Variables", {}),
    }
