"""Write times and words for people: UTC to the minute, ages in their largest useful unit, no escapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

QUOTE = "| "  # begins each line of what an app, a host or another program said
HEADING = "--- "  # begins the line above what one unit captured
MANY = 20  # units: more are counted, not each named


def moment(at: datetime | str) -> str:
    """Write a time or ISO 8601 text as `2026-11-20 15:53`, in UTC."""
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"


def ago(age: timedelta) -> str:
    """Write an age as `3 min ago`; the future is `just now`."""
    # Clocks differ.
    past = age.total_seconds()
    if past < 5:
        return "just now"
    return f"{span(past)} ago"


_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,6})\s*(s|m|min|h|d|)")


def seconds(text: str) -> int | None:
    """Read `90`, `90s`, `10m`, `8h` or `2d` as seconds; else None."""
    match = _DURATION.fullmatch(text.strip().lower())
    return int(match[1]) * _UNITS[match[2]] if match else None


def span(seconds: float) -> str:
    """Write a duration: `0.8 s`, `43 s`, `12 min` or `9 days`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"


def size(count: float) -> str:
    """Write bytes as people do: `812 B`, `1.4 MB`, `3.0 GB`."""
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count:.0f} B"


def lasted(seconds: float) -> str:
    """Write a duration to the second: `3 s`, `1 min 2 s`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def packed(parts: Sequence[str], width: int, between: str = "   ") -> list[str]:
    """Put parts side by side on lines of at most `width` characters."""
    # None is broken.
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(between) + len(part) <= width:
            lines[-1] += between + part
        else:
            lines.append(part)
    return lines


def excerpt(text: str, most: int, rest: str) -> str:
    """Return the last lines of a text, at most `most`.

    Lines that were cut are counted, and `rest` says where they are. What is left keeps its heading.
    """
    lines = text.rstrip().splitlines()
    if len(lines) <= most:
        return "\n".join(lines)
    shown = lines[len(lines) - (most - 1) :]
    above = [line for line in lines[: -len(shown)] if line.startswith(HEADING)]
    if above and not shown[0].startswith(HEADING):
        shown = shown[1:] if shown[1].startswith(HEADING) else [above[-1], *shown[1:]]
    return "\n".join([f"({len(lines) - len(shown)} earlier lines: {rest})", *shown])


def listed(names: Sequence[str], most: int = 10) -> str:
    """List names, the first few of many: `web-1, web-2 and 498 more`."""
    if len(names) <= most:
        return ", ".join(names)
    few = max(1, most // 2)
    return f"{', '.join(names[:few])} and {len(names) - few} more"


def either(*ways: str) -> str:
    """Write several ways on below each other.

    An error's last line shows them so; empty ones are left out.
    """
    return "\n       ".join(way for way in ways if way)


def counted(count: int, noun: str) -> str:
    """Write a number of things: `1 host`, `3 hosts`, `2 aliases`."""
    return f"{count} {plural(noun, count)}"


def plural(noun: str, count: int = 2) -> str:
    """Write the noun as it follows that number: `host`, `hosts`."""
    if count == 1:
        return noun
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


# Control characters; surrogates, which replace bytes that are not UTF-8; and what is not seen or turns writing around:
# the two line separators, and every format character but the one that joins letters of some scripts.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_IGNORED = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
# What GitHub's runner obeys: `::name …::` at a line's beginning, `##[name …]` anywhere. It may pass over characters
# that have no width between the marks.
_COMMAND = re.compile(rf"^(?=(?:[^\S\n]|[{_IGNORED}])*:[{_IGNORED}]*:.*:[{_IGNORED}]*:)", re.MULTILINE)
_OLD_COMMAND = re.compile(rf"(#[{_IGNORED}]*#[{_IGNORED}]*)(?=\[)")


def visible(text: str) -> str:
    r"""Make foreign words inert: they are shown, never obeyed.

    Control characters are spelled out, and what would be a command to GitHub's runner gets a backslash. Tab and newline
    stay. What is visible already stays as it is.
    """
    # They may come from an app, a remote, a host, a hook or a commit.
    return _inert(_CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text))


def _inert(text: str) -> str:
    return _OLD_COMMAND.sub(r"\1\\", _COMMAND.sub(r"\\", text))


def inert_json(text: str) -> str:
    """Make JSON hold nothing that GitHub's runner obeys; it says the same."""
    return text.replace("##[", "##\\u005b")


def quoted(text: str) -> str:
    """Put a mark before each line: none passes for ours."""
    return "\n".join(f"{QUOTE}{line}" for line in visible(text).split("\n"))
