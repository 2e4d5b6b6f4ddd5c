"""What a host is asked for its log: lines for AWS-RunShellScript, and how the answer reads.

The log travels compressed, and as base64 in the verdict: none of its words can end the verdict, and 24,000 characters,
the most that Run Command returns, hold more of it. The only values in the lines are the app's name and numbers.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tagship.domain.ec2.inspection import lines_of
from tagship.domain.logs import LogLine, TimeRange

MOST = 2_000  # lines of one host in one answer
LARGEST = 4 * 1024 * 1024  # bytes of an answer, unpacked: a host has no say over more memory than that
_TIMED = re.compile(r"(\d+\.\d+) \S+ \S+?: (.*)", re.DOTALL)  # journalctl's short-unix: time, host, program, text
_FILED = re.compile(r"- ([\w.-]+):(\d+):(.*)", re.DOTALL)  # file, number of the line, text

_SCRIPT = r"""
root=${TAGSHIP_HOST_ROOT-}
base=$root/opt/$app

# The file's time of change, with GNU's stat or BSD's.
changed() { stat -c %Y "$1" 2>/dev/null || stat -f %m "$1"; }

wrote() {
  lines=$1
  set -- --unit "$app@*.service" --since "@$since" --lines "$lines" --output short-unix --no-pager --quiet
  if [ "$until" -gt 0 ]; then set -- "$@" --until "@$until"; fi
  if [ -z "$root" ] && [ -d /run/systemd/system ] && command -v journalctl >/dev/null; then
    journalctl "$@"
    return
  fi
  { # a host that is a folder has a journal of its own, and files
    if [ -n "$root" ] && [ -x "$root/bin/journalctl" ]; then "$root/bin/journalctl" "$@"; fi
    for file in "$base"/log/*-app.log; do
      if [ -f "$file" ] && [ "$(changed "$file")" -ge "$since" ]; then
        grep -an '' "$file" | tail -n "$lines" | sed "s/^/- ${file##*/}:/"
      fi
    done
  } | tail -n "$lines"
}

n=$most
while :; do
  packed=$(wrote "$n" | gzip -c | base64 | tr -d '\n')
  if [ ${#packed} -le 20000 ] || [ "$n" -le 1 ]; then break; fi
  n=$((n / 2))
done
if [ ${#packed} -gt 20000 ]; then packed=; n=0; fi
printf '{"tagship":1,"action":"logs","outcome":"unchanged","facts":{"lines":%s,"log":"%s"}}\n' "$n" "$packed"
"""


def journal_commands(app: str, window: TimeRange) -> list[str]:
    """Write lines for AWS-RunShellScript that print a host's log."""
    until = int(window.until.timestamp()) + 1 if window.until else 0
    numbers = f"since={max(0, int(window.since.timestamp()))} until={until} most={MOST}"
    return [f"app={shlex.quote(app)} {numbers}", *lines_of(_SCRIPT)]


def read_journal(unit: str, facts: Mapping[str, Any]) -> tuple[list[LogLine], bool]:
    """Read a host's answer: its lines, and whether older ones were cut.

    Raises ValueError if it can't be one.
    """
    lines = list(_lines(unit, _unpacked(str(facts.get("log", "")))))
    most = facts.get("lines")
    if type(most) is not int:
        raise ValueError("the answer does not say how many lines it has")
    return lines, most < MOST or len(lines) >= most


def _unpacked(packed: str) -> str:
    try:
        raw = zlib.decompressobj(wbits=31).decompress(base64.b64decode(packed, validate=True), LARGEST)
    except (binascii.Error, zlib.error) as reason:
        raise ValueError(f"the answer can't be unpacked: {reason}") from reason
    return raw.decode("utf-8", "replace")


def _lines(unit: str, text: str) -> Iterator[LogLine]:
    """Yield the lines; one without a time belongs to the one before."""
    at: datetime | None = None
    for number, line in enumerate(text.split("\n")[:-1] if text else ()):
        if timed := _TIMED.fullmatch(line):
            at = datetime.fromtimestamp(float(timed[1]), UTC)
            yield LogLine(at, unit, timed[2], f"{timed[1]} {timed[2]}")
        elif filed := _FILED.fullmatch(line):
            yield LogLine(None, unit, filed[3], f"{filed[1]}:{filed[2]}")
        elif line:
            yield LogLine(at, unit, line.strip(), f"{at} {number} {line}")
