"""The Pythons of a run: clean, made as the workflow's steps make them, and shared by what their locks say.

What setup-python would give is an environment without packages. In it, `python -m venv DIR` makes another, and
`pip install` installs for real. What is pinned by hashes or by a commit is kept as a layer, named by a digest of all
that it was asked for: the next job that asks for the same has it at once. What the sandbox's own environment has in the
very versions that a lock pins is lent by links (lending.py): nothing is downloaded twice.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tagship.sandbox.actions import lending

LAYER = ".layer"  # in an environment: which layer its packages are; empty once something unpinned was installed
PLACE = "@environment@"  # of an environment, in a layer's scripts
OURS = ("pip", "pip3", "python", "python3")
KEPT = 5  # layers, the latest used
READING = ("list", "freeze", "show", "check", "--version", "-V", "hash", "download", "inspect", "help", "debug")
PARENT = Path(__file__).parents[3]
PROGRAM = f"import sys; sys.path.insert(0, {str(PARENT)!r}); from {__name__} import main; main()"
STUB = "import os, sys\n\nfile = {file!r}\nos.execv(file, [file, *sys.argv[1:]])\n"
WRAPPER = """\
#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
  shift 2
  exec {venv} "$@"
fi
exec {python} "$@"
"""


def tool(folder: Path, cache: Path) -> Path:
    """Make the Python of setup-python, and return its folder of programs."""
    make(folder, cache)
    python = folder / "bin" / f"python3.{sys.version_info.minor}"
    for name in ("python", "python3"):
        (folder / "bin" / name).unlink()
    if not python.is_symlink():
        python.symlink_to(_base())
    for name in ("python", "python3"):
        _write(folder / "bin" / name, WRAPPER.format(venv=_command(cache, "venv", str(python)), python=_quoted(python)))
    return folder / "bin"


def make(folder: Path, cache: Path) -> None:
    """Make an environment without packages, whose pip is ours."""
    import venv

    venv.EnvBuilder(symlinks=True).create(folder)
    if (folder / LAYER).exists():
        return
    packages = _packages(folder)
    for name in ("pip", "pip3"):
        _write(folder / "bin" / name, f'#!/bin/sh\nexec {_command(cache, "pip", str(folder))} "$@"\n')
    (packages / "pip").mkdir()
    (packages / "pip/__init__.py").touch()
    (packages / "pip/__main__.py").write_text(STUB.format(file=str(folder / "bin/pip")), "utf-8")
    (folder / LAYER).write_text(f"python {sys.version}", "utf-8")


def install(folder: Path, cache: Path, words: Sequence[str]) -> int:
    """Run pip in an environment; return its exit code."""
    if not words or words[0] in READING:
        return _pip(folder, cache, words)
    key = _key(folder, words)
    if key and _attach(folder, cache / key):
        return 0
    _own_packages(folder)
    (folder / LAYER).write_text("", "utf-8")
    if not (key and lending.lend(lending.files(words), folder)):
        code = _pip(folder, cache, words)
        if code:
            return code
    if key:
        _keep(folder, cache / key)
    return 0


def _key(folder: Path, words: Sequence[str]) -> str:
    """Name the layer that a pinned install makes; else nothing."""
    before = (folder / LAYER).read_text("utf-8")
    files = lending.files(words)
    if not before or words[0] != "install" or not lending.is_pinned(words, files):
        return ""
    digest = hashlib.sha256(repr([before, sys.platform, list(words)]).encode())
    for path in [*files, *lending.local(files)]:
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"missing")
    return digest.hexdigest()[:32]


def _attach(folder: Path, layer: Path) -> bool:
    """Give an environment a layer's packages; false if there is none."""
    if not layer.is_dir() or not all(entry.exists() for entry in (layer / "packages").iterdir()):
        shutil.rmtree(layer, ignore_errors=True)  # what was lent to it is gone
        return False
    os.utime(layer)
    packages = _packages(folder)
    packages.unlink() if packages.is_symlink() else shutil.rmtree(packages)
    packages.symlink_to(layer / "packages")
    for script in (layer / "bin").iterdir():
        _write(folder / "bin" / script.name, script.read_text("utf-8").replace(PLACE, str(folder)))
    (folder / LAYER).write_text(layer.name, "utf-8")
    return True


def _keep(folder: Path, layer: Path) -> None:
    """Move an environment's packages into a layer, and attach it."""
    partial = layer.with_name(f"{layer.name}.{os.getpid()}")
    (partial / "bin").mkdir(parents=True)
    for script in (folder / "bin").iterdir():
        if not script.is_symlink() and script.name not in OURS:
            text = script.read_bytes().decode("utf-8", "replace").replace(str(folder), PLACE)
            _write(partial / "bin" / script.name, text)
    shutil.move(_packages(folder), partial / "packages")
    try:
        partial.rename(layer)
    except OSError:  # another job was quicker
        shutil.rmtree(partial)
    _packages(folder).mkdir()
    _attach(folder, layer)
    _prune(layer.parent)


def _prune(cache: Path) -> None:
    layers = [entry for entry in cache.iterdir() if len(entry.name) == 32]
    for old in sorted(layers, key=lambda entry: entry.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _own_packages(folder: Path) -> None:
    """Give an environment that has a layer a copy of its own."""
    packages = _packages(folder)
    if packages.is_symlink():
        layer = packages.resolve()
        packages.unlink()
        shutil.copytree(layer, packages, symlinks=True)


def _pip(folder: Path, cache: Path, words: Sequence[str]) -> int:
    """Run the real pip on an environment."""
    python = sys.executable if find_spec("pip") else _other_pip(cache)
    own = ["--disable-pip-version-check", "--python", str(folder / f"bin/python3.{sys.version_info.minor}")]
    return subprocess.run([python, "-m", "pip", *own, *words], check=False).returncode


def _other_pip(cache: Path) -> str:
    """Return a Python that has pip: uv makes environments without."""
    python = cache / "pip/bin/python"
    if not python.exists():
        import venv

        venv.EnvBuilder(symlinks=True, with_pip=True).create(cache / "pip")
    return str(python)


def _packages(folder: Path) -> Path:
    return folder / f"lib/python3.{sys.version_info.minor}/site-packages"


def _base() -> str:
    """Return the Python that environments are made of."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _command(cache: Path, *words: str) -> str:
    return shlex.join([sys.executable, "-I", "-c", PROGRAM, str(cache), *words])


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


def main() -> None:
    """Stand for `python -m venv` and `pip` in a run's steps."""
    cache, role, place, *words = sys.argv[1:]
    if role == "pip":
        sys.exit(install(Path(place), Path(cache), words))
    if len(words) != 1 or words[0].startswith("-"):
        os.execv(place, [place, "-m", "venv", *words])  # noqa: S606  (no shell is needed)
    make(Path(words[0]).absolute(), Path(cache))
