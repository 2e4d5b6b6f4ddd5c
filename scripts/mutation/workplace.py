"""Where mutants of one file live: a copy of the checkout in `.mutation/`, which Git ignores."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TOP = Path(__file__).parents[2]
PLACE = TOP / ".mutation"
WRAPPERS = ("property", "contextmanager")


def prepare(name: str, tests: Sequence[str]) -> Path:
    """Copy the checkout, as it is now, to a folder of its own for the file `name`; returns the folder."""
    folder = PLACE / name.removesuffix(".py").replace("/", ".")
    shutil.rmtree(folder, ignore_errors=True)
    for path in _files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / path, folder / path)
    source = folder / "tagship" / name
    source.write_text(bare(source.read_text()))
    with (folder / "pyproject.toml").open("a") as settings:
        settings.write(_settings(folder, name, tests))
    return folder


def _files() -> list[str]:
    """What Git knows and what it does not know yet, without what it ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.split("\0") if path and (TOP / path).is_file()]


def bare(source: str) -> str:
    """Move `@property` and `@contextmanager` below their functions: mutmut leaves decorated functions alone."""
    lines = source.split("\n")
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda node: -node.lineno):
        if [ast.unparse(decorator) in WRAPPERS for decorator in function.decorator_list] == [True]:
            decorator = function.decorator_list[0]
            wrapped = f"{function.name} = {ast.unparse(decorator)}({function.name})"
            lines.insert(function.end_lineno or 0, " " * function.col_offset + wrapped)
            del lines[decorator.lineno - 1]
    return "\n".join(lines)


def _settings(folder: Path, name: str, tests: Sequence[str]) -> str:
    """What mutmut reads; the strings of JSON are TOML's too."""
    settings = {
        "source_paths": ["tagship"],
        "only_mutate": [f"tagship/{name}"],
        "also_copy": sorted(path.name for path in folder.iterdir() if path.name != "tagship"),
        "pytest_add_cli_args": ["-n", "0"],
        "pytest_add_cli_args_test_selection": list(tests),
        "on_dependency_change": "ignore",
    }
    return "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def run_mutmut(folder: Path) -> None:
    """Make the mutants and judge each, one process at a time; raises CalledProcessError with the log on the screen."""
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", "1"]
    log = folder / "mutmut.log"
    with log.open("w") as output:
        ended = subprocess.run(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        print(log.read_text().split("\r")[-1])
        ended.check_returncode()
