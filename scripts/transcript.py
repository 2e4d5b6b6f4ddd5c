"""What the README says the demo prints, held against what it prints: `python -m scripts.transcript [--write]`.

Runs the demo once. Times, ports, ids, commits and names differ from run to run, so both texts are compared with those
replaced; `--write` puts the new run into the README instead. Exits 1 where the two differ.
"""

from __future__ import annotations

import difflib
import getpass
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

README = Path("README.md")
BEGIN, END = "<!-- demo: begin -->\n", "<!-- demo: end -->"
OPEN, CLOSE = "<details><summary>What <code>make demo</code> prints</summary>\n\n```\n", "```\n\n</details>\n"
VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d", "<moment>"),
    (r"^\d\d:\d\d:\d\d ", "<time> "),
    (r"\d{8}-\d{6}-\d{6}-[0-9a-f]{6}", "<deployment>"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
    (r"/github/[\w-]{16}(?=/|$)", "/github/<key>"),
    (r"runs/\d+", "runs/<run>"),
    (r"\bi-[0-9a-f]{17}\b", "<instance>"),
    (r"\b[0-9a-f]{40}\b", "<commit>"),
    (r"\b[0-9a-f]{12}\b", "<commit>"),
    (r"= [0-9a-f]{7,12}\b", "= <commit>"),
    (r"pid \d+", "pid <pid>"),
    (r"Makefile:\d+", "Makefile:<line>"),
    (r"\b[\w.-]+@[\w-]+(?=[ ,]|$)", "<you>"),
    (r"\b\w+, CI\b", "<you>, CI"),
    (r"\d+(\.\d+)? (s|ms|min)\b", "<duration>"),
    (r"\((<duration> ago|just now), \w+\)", "(<when>, <you>)"),
    (r"\[\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d\]", "[<moment>]"),
    (r"on port \d+", "on port <port>"),
    (r" {2,}", "  "),
    (r"[─=]{10,}", "<rule>"),
)


def main(arguments: list[str]) -> int:
    """Run the demo, then compare or write; the exit code."""
    shown = played()
    text = README.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    there, _, after = rest.partition(END)
    if "--write" in arguments:
        README.write_text(f"{before}{BEGIN}{OPEN}{anybody(shown)}{CLOSE}{END}{after}", "utf-8")
        return 0
    told = there.removeprefix(OPEN).removesuffix(CLOSE)
    lines = list(difflib.unified_diff(settled(told), settled(shown), "README.md", "make demo", lineterm=""))
    print("\n".join(lines) or "The README shows what the demo prints.")
    return 1 if lines else 0


def played() -> str:
    """The demo's output, shown as it comes; ends this program with the demo's exit code where it fails."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [str(Path(sys.executable).parent / "inv"), "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as demo:
        lines = []
        for line in demo.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if demo.returncode:
        sys.exit(demo.returncode)
    return "".join(lines).lstrip("\n")


def anybody(text: str) -> str:
    """The text with this machine's user and name taken out."""
    here = getpass.getuser()
    return (
        text.replace(f"{here}@{socket.gethostname()}", "ada@laptop")
        .replace(f" {here}, CI", " ada, CI")
        .replace(f", {here})", ", ada)")
    )


def settled(text: str) -> list[str]:
    """The lines with all that varies replaced, phases that were too short to be seen left out."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return [line.rstrip() for line in text.splitlines() if not line.startswith("<time> ")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
