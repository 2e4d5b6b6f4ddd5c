"""Words that mean harm, as hypothesis draws them, and what GitHub's runner would do with a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import strategies as st

COMMANDS = (
    "error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "set-output", "set-env", "add-path",
    "save-state", "stop-commands", "echo", "add-matcher", "remove-matcher", "set-secret",
)  # fmt: skip
FRAGMENTS = (
    *(f"::{name}::" for name in COMMANDS), *(f"##[{name}]" for name in COMMANDS),
    "::notice title=tagship exit 0::healthy", "::set-output name=tag::1", "##[error title=tagship exit 0]healthy",
    "::", ":", "##[", "#", "[", "]", "\r", "\n", "\r\n", "\v", "\f", "\x85", "\u2028", " ", "\t", "\u3000", "\u200b",
    "\u200d", "\u034f", "\ufe0f", "\xad", "\ufeff", "\x1b[2J", "\x1b]0;t\x07", "\x9b31m", "\b", "\0",
    "\u202e", "\u2066", "\udcff",
    "\U000e0041", "%0A", "%0D", "%25", "error: ", "  now: ", " next: rm -rf /", "| ", "|", "`", "```", "~~~",
    "# ", "* ", "> ", "1. ", "    ", "](https://evil.example)", "![x](https://evil.example/a.png)",
    "<img src=x onerror=y>", "<script>", "</details>", "<!--", "]]>", "&lt;", "&#58;", "\\", "**", "_", "https://evil.example",
    "www.evil.example", "@octocat", "#1", "a=b", "tag<<END", "END", "healthy",
)  # fmt: skip
words = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=8).map("".join)

NOT_SHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\xad\ud800-\udfff]"
)
WIDTHLESS = re.compile("[\x00-\x08\u034f\u180b-\u180f\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff\xad]")


def lines(text: str) -> Iterator[str]:
    """The lines that the runner reads: its reader ends one at CR, at LF, and at both."""
    yield from re.split("\r\n|\r|\n", text)


def obeyed(line: str) -> str:
    """The command that the runner would obey; empty for none. Characters without width are passed over, to be sure."""
    seen = WIDTHLESS.sub("", line)
    new = re.match(r"\s*::([^\s:]*)(?: .*?)?::", seen)
    old = re.search(r"##\[([^\s\]]*)(?: [^\]]*)?\]", seen)
    for match in (new, old):
        if match and match[1].lower() in COMMANDS:
            return match[1]
    return ""
