"""Every question that tagship asks a person: where the code asks it, and the commands that lead to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "tagship"
ASKING = frozenset({"choose", "text", "confirm"})  # of tagship.ports.people.Prompt
OTHERS = frozenset({"getpass", "input"})  # other ways to ask somebody at a terminal
PORT = "adapters/prompt.py"  # where the port itself is made: its callers ask
# Asked by a Ctrl-C that came while units change by themselves: a second one leaves them to it, so something is changed.
ON_THE_WAY = {"engine/stopping.py wants_it_stopped": "tests/unit/verbs/test_continue.py"}
DOWN, ENTER = "\x1b[B", "\r"
INIT = f"init --source git+https://example.com/ada/tagship.git@{40 * '0'}"
AGAIN = "deploy-dev --version 0.1.0-dev --commit 0.1.0-dev"
AT_CODE = "error: Interrupted."  # a code is asked for in the middle of anything


@dataclass(frozen=True)
class Case:
    """A command that comes to a question: the file and function that asks, and what the question begins with.

    `place` is the folder where it is typed (see `Places` of the test). `before` are the questions on the way to it, and
    the keys that answer each. `alone` is the exit code without a terminal, `says` the error's line after Ctrl-C.
    """

    site: str
    command: str
    asks: str
    place: str = "work"
    before: tuple[tuple[str, str], ...] = ()
    alone: int = 2
    says: str = "error: Interrupted at the question."


def _of_init() -> Iterator[Case]:
    """A case for each question of `init`, and for the one that follows them all."""
    for kind, place, questions in OF_KINDS:
        for number, asks in enumerate(questions):
            if not kind or asks not in OF_PROCESS:
                yield Case("scaffold/answers.py _answer", f"{INIT}{kind}", asks, place, entered(*questions[:number]))
    yield Case("scaffold/writing.py require_yes", INIT, "Write these files?", "fresh", entered(*OF_PROCESS))


def entered(*questions: str) -> tuple[tuple[str, str], ...]:
    """Questions whose answer is what was found."""
    return tuple((words, ENTER) for words in questions)


OF_PROCESS = (
    "The app's name",
    "The branch that dev ships from",
    "It is a",
    "Runs as",
    "The command that starts it",
    "The path of its health check",
)
OF_IMAGE = (*OF_PROCESS[:2], "Runs as", "The repository of its images", "The path of its health check")
OF_ECS = (*OF_PROCESS[:2], "The repository of its images", "Its cluster", "Its service in that")
OF_LAMBDA = (*OF_PROCESS[:2], "Runs as", "The command that makes", "The function's name", "Its handler")
OF_KINDS = (
    ("", "fresh", OF_PROCESS),
    (" --kind service", "contained", OF_IMAGE),
    (" --kind ecs", "contained", OF_ECS),
    (" --kind lambda", "fresh", OF_LAMBDA),
)
OTHER = (("Next version", 3 * DOWN + ENTER),)
CASES = (
    *_of_init(),
    Case("scaffold/writing.py require_yes", "eject", "Write these files?", "ejecting"),
    Case("release/next_version.py _asked", "deploy-dev", "Next version"),
    Case("release/next_version.py _asked", "deploy-dev", "Version:", before=OTHER),
    Case("release/plan.py confirm", "deploy-dev", "and push it with dev?", before=entered("Next version")),
    Case("release/next_version.py _asked", "tag --suffix dev", "Next version"),
    Case("release/next_version.py _asked", "tag --suffix dev", "Version:", before=OTHER),
    Case("release/plan.py confirm", "tag --suffix dev", "as 0.1.2-dev?", before=entered("Next version")),
    Case("verbs/tag_undo.py _confirm", "tag --undo --version 0.1.1-dev", "Delete 0.1.1-dev?"),
    Case("release/again.py _chosen", AGAIN, "The run of 0.1.0-dev failed", alone=8),
    Case("engine/rollback_candidates.py _asked", "rollback --env dev", "Roll dev back from 0.0.2-dev to"),
    Case("engine/crossing.py require_asked", "rollback --to 0.0.1-prod --env prod", "anyway? (Y/n)", alone=3),
    Case("release/legacy.py confirm", "rollback --to 0.0.0-dev --env dev", "and go back to it?"),
    Case("verbs/drill.py _there_and_back", "drill --env dev --for-real", "and return? (Y/n)"),
    Case("verbs/thaw.py _agreed", "thaw --env prod", "Thaw prod anyway?", alone=3),
    Case("verbs/promote.py _confirm", "promote --from dev --to preprod", "to preprod?"),
    Case("verbs/adopt.py _ask", "adopt --env preprod", "Adopt hello-preprod-1?"),
    Case("verbs/doctor.py _mend", "doctor --fix", "Run it?", "outside"),
    Case("account/taking_away.py _confirm", "setup --remove --env dev", "Type the name of the environment", "prepared"),
    Case("adapters/aws/credentials.py ask_for_code", "status", "Enter MFA code", "coded", alone=8, says=AT_CODE),
)


def asked() -> set[str]:
    """Every place in the code where somebody is asked: its file and function."""
    return {
        f"{path.relative_to(PACKAGE).as_posix()} {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name, call in _calls(ast.parse(path.read_text("utf-8")))
        if _asks(call) and path.relative_to(PACKAGE).as_posix() != PORT
    }


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Every call within a function, with that function's name."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            yield from ((function.name, node) for node in ast.walk(function) if isinstance(node, ast.Call))


def _asks(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id in OTHERS
    if not isinstance(function, ast.Attribute):
        return False
    of_prompt = isinstance(function.value, ast.Name | ast.Attribute) and ast.unparse(function.value).endswith("prompt")
    return (function.attr in ASKING and of_prompt) or function.attr == "getpass"
