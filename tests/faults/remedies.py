"""What an error says to do next, typed as it is printed: in a shell, in the repository, with the fault lifted."""

from __future__ import annotations

import re

from tests.faults.ground import Environment, Ran

LOOKS = (
    *("inv status", "inv lock", "inv history", "inv versions", "inv why-not"),
    *("git -C", "git ls-remote", "git show", "curl", "inv sandbox up"),
)
MOST = 2  # remedies in a row
ALREADY = ("already running", "nobody holds ", "There is no tag ", "There is no unfinished deployment ")
SAME = re.compile(r"(?i)\b(run|try) (the same command|it) again\s*$")
COMMAND = re.compile(r"\b(?:inv|git|curl|aws) .*")
OUTSIDE = re.compile(r"cause (?:is|lay) outside[^:]*: |[Ff]ix what is wrong with them, then: ")
CONDITION = re.compile(r"^If |^Or |^The run: ")


def next_lines(text: str) -> list[str]:
    """The lines of an error's last `next:`."""
    lines = text.splitlines()
    start = max((number for number, line in enumerate(lines) if line.startswith(" next: ")), default=-1)
    if start < 0:
        return []
    found = [lines[start].removeprefix(" next: ")]
    for line in lines[start + 1 :]:
        if not line.startswith("       "):
            break
        found.append(line.strip())
    return found


def commands_of(lines: list[str], typed: str) -> list[str]:
    """What somebody types who knows that the cause is gone: each line's own command, or the one for that case.

    Lines with a condition that does not hold, and alternatives, are left out. `typed` is what failed. A command is the
    last thing on its line (tests/unit/house/remedies holds that).
    """
    for line in lines:
        if outside := OUTSIDE.search(line):
            return [_whole(line[outside.end() :])]
    found = []
    for line in lines:
        if found and CONDITION.match(line):
            continue
        if command := COMMAND.search(line):
            found.append(_whole(command[0]))
        elif SAME.search(line):
            found.append(typed)
    return found


def _whole(text: str) -> str:
    """A command without what stands behind it in a sentence of `status`, or the advice to look at a CI run."""
    return re.split(r"[;,)] |\)$", text)[0].strip().rstrip(".")


def follow(here: Environment, ran: Ran, ci: bool) -> tuple[Ran, list[str]]:
    """Type what is printed until it is done, MOST remedies at most; returns the last answer, and what was typed."""
    first, typed = ran.typed, list[str]()
    for _ in range(MOST):
        lines = next_lines(ran.err) or _advised(ran)
        commands = commands_of(lines, first) if lines else [first]
        if not commands:
            return ran, [*typed, f"(no command in: {' '.join(lines)})"]
        for command in commands:
            ran = here.type(command, ci and command == first)
            typed.append(command)
        if is_an_end(ran):
            break
    return ran, typed


def _advised(ran: Ran) -> list[str]:
    """The command that ends what `status` found unfinished."""
    if ran.typed.startswith("inv status"):
        return [line.strip() for line in ran.out.splitlines() if "inv resume" in line or "inv heal" in line][:1]
    return []


def is_an_end(ran: Ran) -> bool:
    """Done; or refused, since it is done already. What is so then is looked up all the same."""
    if ran.typed.startswith(LOOKS):
        return False
    return ran.code == 0 or (ran.code == 3 and any(words in ran.err for words in ALREADY))
