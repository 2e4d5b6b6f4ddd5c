"""A story told: a new repository, its blocks typed in turn, and what they print held against the page."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.transcript import settled
from tests.docs.pages import TOP, TYPED, Block, Story
from tests.docs.shell import Shell
from tests.docs.toml import merged, written
from tests.package.conftest import Installed
from tests.package.test_ship import lend_environment
from tests.sandbox.conftest import git

PRELUDE = Path(__file__).with_name("prelude.sh")
HELLO = {name: (TOP / "examples/hello" / name).read_text("utf-8") for name in ("app.py", "hello.json")}
DOCKERFILE = 'FROM python:3.12-slim\nWORKDIR /srv\nCOPY . ./\nCMD ["python3", "app.py"]\n'
FUNCTION = 'import os\n\n\ndef handler(event, context):\n    return {"version": os.environ["VERSION"]}\n'
KINDS: dict[str, dict[str, str]] = {
    "newcomer": HELLO,  # tagship alone is on PATH, as pipx puts it there
    "service": HELLO,
    "container": {**HELLO, "Dockerfile": DOCKERFILE},
    "function": {"app.py": FUNCTION},
    "job": {"job.sh": 'echo "ran $VERSION"\n'},
    "apps": {f"services/{app}/{name}": text for app in ("api", "web") for name, text in HELLO.items()},
    "checkout": {},  # a clone of tagship's own repository
}
SANDBOX = "SANDBOX: everything below happens on this machine"  # said first by every verb there
ANY = "…"
# The wheel is installed already (tests/package/test_locked.py has pip do it): this looks whether it has that name.
PIPX = """\
#!/bin/sh
[ "$*" = "install dist/{wheel}" ] || {{ echo "the wheel is called {wheel}" >&2; exit 1; }}
"""


@dataclass
class Telling:
    """A story under way."""

    story: Story = field(repr=False)
    shell: Shell = field(repr=False)
    installed: Installed = field(repr=False)
    stands_for: dict[str, str] = field(default_factory=dict)

    def tell(self) -> None:
        """Type it from top to bottom. Raises AssertionError for what is not as the page says."""
        if self.story.before.strip():
            self.unseen(self.story.before)
        for block in self.story.blocks:
            self._do(block)

    def unseen(self, script: str) -> str:
        return self.shell.type(f". {PRELUDE}\nset -e\n{script}")

    def _do(self, block: Block) -> None:
        for first in block.of("first"):
            self.unseen(first)
        for pair in block.of("stands for"):
            name, _, command = pair.partition(" = ")
            self.stands_for[name.strip()] = self.unseen(command).splitlines()[-1].strip()
        for name in block.of("into"):
            self._settings(name, block.text)
        if block.language in TYPED and not block.skipped:
            self._type(block)

    def _settings(self, name: str, text: str) -> None:
        """Add settings to a file of the folder where the story is, as somebody would who edits it, and commit."""
        file = Path((self.shell.folder / "where").read_text("utf-8").strip()) / name
        file.write_text(written(merged(tomllib.loads(file.read_text("utf-8")), tomllib.loads(text))), "utf-8")
        git(file.parent, "commit", "--quiet", "-m", f"Change {name}", name)

    def _type(self, block: Block) -> None:
        steps = list(_steps(block))
        for number, (line, expected) in enumerate(steps):
            ends = block.of("exits") if number == len(steps) - 1 else []
            (self.installed.folder / ".installed").touch()  # `make` finds it newer than any pins that `init` wrote
            then = dict(pair.split(" = ") for pair in block.of("then")) if number == len(steps) - 1 else {}
            shown = self.shell.type(self._meant(line), code=int(ends[0]) if ends else 0, then=then)
            assert not re.search(r"^Traceback", shown, re.MULTILINE), f"{block.where}: $ {line}\n{shown}"
            if expected is not None:
                compare(f"{block.where}: $ {line}", expected, shown)

    def _meant(self, line: str) -> str:
        for name, value in self.stands_for.items():
            line = line.replace(name, value)
        return line


def _steps(block: Block) -> Iterator[tuple[str, list[str] | None]]:
    """Each command of a block, and the lines that it has to print; None if the page does not say."""
    if block.language == "sh":
        if "<<" in block.text:  # a file is written: one script
            yield f"set -e\n{block.text}", None
            return
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            if line.strip() and not line.startswith("#"):
                yield line, None
        return
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, *expected = part.rstrip("\n").split("\n")
        yield line, expected


def compare(where: str, expected: Sequence[str], shown: str) -> None:
    """Hold what was shown against the page. A line `…` stands for any lines, and `…` in a line for any text.

    Times, ports, ids and names vary, and are replaced on both sides first (scripts/transcript.py).
    """
    lines = settled("\n".join(line for line in shown.splitlines() if not line.startswith(SANDBOX)))
    parts = [r"(?:.*\n)*?" if line.strip() == ANY else _pattern(line) for line in settled("\n".join(expected))]
    text = "".join(f"{line}\n" for line in lines)
    assert re.fullmatch("".join(parts), text), (
        f"{where}\n-- the page:\n" + "\n".join(expected) + f"\n-- shown:\n{shown}"
    )


def _pattern(line: str) -> str:
    return ".*?".join(re.escape(part) for part in line.split(ANY)) + r"\n"


@contextmanager
def telling(story: Story, installed: Installed, folder: Path) -> Iterator[Telling]:
    """Make the repository of a story, and take its sandbox down in the end."""
    root, home = folder / "hello", folder / "home"
    for made in (root, home, folder / "story", folder / "bin"):
        made.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n", "utf-8")
    if story.kind == "checkout":
        git(folder, "clone", "--quiet", "--no-hardlinks", str(TOP), str(root))
        _lend_own(root)
    else:
        _repository(root, KINDS[story.kind])
        _lend(root, installed)
    shell = Shell(folder / "story", root, _variables(story, installed, folder))
    try:
        yield Telling(story, shell, installed)
    finally:
        for sandbox in (root, *(root / "services").glob("*")):
            if (sandbox / ".tagship/sandbox").exists():
                installed.run(sandbox, "tagship", "sandbox", "down", "--yes")


def _repository(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    git(root, "init", "--quiet", "--initial-branch=dev")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")


def _lend(root: Path, installed: Installed) -> None:
    for place in (root, *(root / "services").glob("*")):
        lend_environment(place, installed)
    with (root / ".git/info/exclude").open("a", encoding="utf-8") as exclude:
        exclude.write(".tagship\n")


def _lend_own(root: Path) -> None:
    """The environment that `make` would make of the pins takes minutes: the one of this run has the same."""
    (root / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        (root / ".venv" / entry.name).symlink_to(entry)
    (root / ".venv/.installed").touch()


def _variables(story: Story, installed: Installed, folder: Path) -> dict[str, str]:
    """The whole environment: an empty home, and what pipx or a virtual environment puts on PATH."""
    tagship = installed.bin
    if story.kind == "newcomer":
        tagship = folder / "bin"
        (tagship / "tagship").symlink_to(installed.bin / "tagship")
        (tagship / "pipx").write_text(PIPX.format(wheel=installed.wheel.name), "utf-8")
        (tagship / "pipx").chmod(0o755)
    path = [str(tagship), *os.environ["PATH"].split(os.pathsep)]
    path = [entry for entry in path if Path(entry) != Path(sys.executable).parent]
    return {
        "PATH": os.pathsep.join(path), "HOME": str(folder / "home"), "TERM": "xterm-256color", "LANG": "C.UTF-8",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"), "AWS_EC2_METADATA_DISABLED": "true", "GIT_CONFIG_NOSYSTEM": "1",
        "PROMPT_TOOLKIT_NO_CPR": "1", "EDITOR": "true", "PAGER": "cat", "USER": "ada", "PYTHONDONTWRITEBYTECODE": "",
    }  # fmt: skip
