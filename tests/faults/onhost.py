"""Faults on a host: stand-ins for bash and aws, first on its PATH, that do what the file `fault` of its disk says.

`fault` holds a line: `step NAME KIND`, of a step in the journal, or `aws FILE KIND`, of a download. The host program
itself is as it is; TAGSHIP_KILL_AFTER is its own.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

STALL = 1.5  # seconds

BASH = """#!/bin/sh
# Before the shell of the host program: what is to go wrong in it.
fault=$TAGSHIP_HOST_ROOT/fault
if [ -f "$fault" ]; then
  read -r what name kind <"$fault"
  if [ "$what $kind" = "step killed" ]; then export TAGSHIP_KILL_AFTER="$name"; fi
  if [ "$what $kind" = "step stalled" ]; then export BASH_ENV="$TAGSHIP_HOST_ROOT/bin/stall" STALLED="$name"; fi
fi
exec {bash} "$@"
"""
STALLS = """\
set -o functrace
fault=$TAGSHIP_HOST_ROOT/fault
trap 'case $BASH_COMMAND in "journal $STALLED"*) rm "$fault" 2>/dev/null && sleep {stall} ;; esac' DEBUG
"""
AWS = """#!/bin/sh
# The stand-in for the AWS CLI, with what is to go wrong in it.
fault=$TAGSHIP_HOST_ROOT/fault
echo "${{3##*/}}" >>"$TAGSHIP_HOST_ROOT/downloads"
if [ -f "$fault" ]; then read -r what name kind <"$fault"; fi
if [ "$what $name" != "aws ${{3##*/}}" ]; then exec {aws} "$@"; fi
rm -f "$fault"
case $kind in
killed-before) kill -KILL 0 ;;
killed-after) {aws} "$@"; kill -KILL 0 ;;
error-before) echo "fatal error: Could not connect to the endpoint URL" >&2; exit 1 ;;
answer-lost) {aws} "$@"; echo "fatal error: Connection was closed" >&2; exit 1 ;;
stalled) sleep {stall}; exec {aws} "$@" ;;
esac
"""


def prepare(root: Path) -> None:
    """Put the stand-ins onto a host's disk."""
    folder = root / "bin"
    (folder / "aws").rename(folder / "aws-itself")
    scripts = {"bash": BASH.format(bash=shutil.which("bash")), "stall": STALLS.format(stall=STALL)}
    scripts["aws"] = AWS.format(aws=folder / "aws-itself", stall=STALL)
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def arm(root: Path, call: str, kind: str, following: str) -> None:
    """Make a step or a download go wrong. Killed after a step is killed once the next one is in the journal."""
    _, what, name = call.split(" ", 2)
    if what == "aws":
        line = f"aws {name} {kind.replace(' ', '-')}"
    elif kind == "stalled":
        line = f"step {name} stalled"
    else:
        line = f"step {following if kind == 'killed after' else name} killed"
    (root / "fault").write_text(line + "\n")


def disarm(root: Path) -> None:
    (root / "fault").unlink(missing_ok=True)


def journal(root: Path, app: str) -> list[dict[str, str]]:
    path = root / "opt" / app / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def calls(root: Path, app: str, deployment: str) -> list[str]:
    """Every step and download of one deployment, as the rows they make."""
    downloads = (root / "downloads").read_text().split() if (root / "downloads").exists() else []
    steps = [one["step"] for one in journal(root, app) if one["deployment"] == deployment]
    return [f"host step {one}" for one in steps] + [f"host aws {one}" for one in dict.fromkeys(downloads)]
