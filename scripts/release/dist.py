"""The wheel and the sdist of a commit: the same bytes on any machine, and one digest over both.

They are built of the commit's files alone, by the back end that build.txt pins, with the commit's time. zlib-ng
compresses them, as it does bundles (ADR 0018): another Python's zlib would give other bytes.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tagship.errors import NotAuthentic, Refused, ServiceFailed
from tagship.ports.repository import Repository

LOCK = Path(__file__).with_name("build.txt")
SUMS = "SHA256SUMS"
FOREIGN = ("PYTHON", "HATCH", "SOURCE_DATE_EPOCH")  # variables that would change what is built
BACK_END = """\
import sys
if "zipfile" in sys.modules or "gzip" in sys.modules:
    sys.exit("this Python compresses before it is told with what")
import zlib_ng.zlib_ng
sys.modules["zlib"] = zlib_ng.zlib_ng
import hatchling.build
print(getattr(hatchling.build, "build_" + sys.argv[1])(sys.argv[2]))
"""


def build(repository: Repository, commit: str, seconds: int, to: Path) -> Mapping[str, str]:
    """Build a commit's wheel and sdist into an empty folder.

    `seconds` is the commit's time. Returns each file's SHA-256 by name. Raises ServiceFailed.
    """
    with TemporaryDirectory(prefix="tagship-release-") as place:
        top = Path(place)
        source, sdists = top / "source", top / "sdist"
        _write(repository, commit, source)
        python = _back_end(top / "venv")
        sdist = _built(python, "sdist", source, sdists, seconds)
        with tarfile.open(sdist) as archive:
            archive.extractall(top / "unpacked", filter="data")
        [unpacked] = (top / "unpacked").iterdir()
        wheel = _built(python, "wheel", unpacked, top / "wheel", seconds)
        _empty(to)
        sums = {file.name: _moved(file, to) for file in (sdist, wheel)}
    (to / SUMS).write_text(written(sums), "ascii")
    return sums


def written(sums: Mapping[str, str]) -> str:
    """Write digests as `sha256sum --check` reads them."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def read_sums(text: str) -> dict[str, str]:
    """Read what `written` writes; other lines are passed over."""
    pairs = [line.split("  ", 1) for line in text.splitlines()]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and len(pair[0]) == 64}


def digest_of(folder: Path) -> str:
    """Return the one digest over all that was built."""
    return f"sha256:{_sha256(folder / SUMS)}"


def verified(folder: Path, digest: str) -> Sequence[Path]:
    """List what was built. Raises NotAuthentic if it is not what that digest names."""
    if not (folder / SUMS).is_file():
        raise Refused(f"{folder / SUMS} is not there.", remedy="Build it: inv release.build")
    if digest_of(folder) != digest:
        raise NotAuthentic(f"{folder / SUMS} has {digest_of(folder)}; {digest} was built.", remedy=_AGAIN)
    sums = read_sums((folder / SUMS).read_text("ascii"))
    for name, wanted in sums.items():
        if not (folder / name).is_file() or _sha256(folder / name) != wanted:
            raise NotAuthentic(f"{folder / name} is not what was built.", remedy=_AGAIN)
    return [folder / name for name in sorted(sums)]


_AGAIN = "Publish nothing of it. Start every job of the run again: gh run rerun <run>"


def _write(repository: Repository, commit: str, to: Path) -> None:
    """Write the commit's files that distributions are made of."""
    configuration = _read(repository, commit, "pyproject.toml")
    targets: dict[str, Any] = tomllib.loads(configuration.decode())["tool"]["hatch"]["build"]["targets"]
    own = [name for name in ("pyproject.toml", ".gitignore") if name in repository.paths(commit)]
    for path, executable, size, read in repository.files(commit, [*targets["sdist"]["only-include"], *own]):
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_bytes(read(size))
        (to / path).chmod(0o755 if executable else 0o644)


def _read(repository: Repository, commit: str, name: str) -> bytes:
    [content] = [read(size) for *_, size, read in repository.files(commit, [name])]
    return content


def _back_end(folder: Path) -> str:
    """Return a Python with exactly what build.txt pins: this one, or a new one."""
    pins = dict(line.split()[0].split("==") for line in LOCK.read_text("ascii").splitlines() if "==" in line)
    if all(_version(name) == version for name, version in pins.items()):
        return sys.executable
    python = str(folder / "bin/python")
    _run([sys.executable, "-m", "venv", str(folder)], folder.parent)
    flags = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
    _run([python, "-m", "pip", "install", *flags, "-r", str(LOCK)], folder.parent)
    return python


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _built(python: str, kind: str, source: Path, to: Path, seconds: int) -> Path:
    to.mkdir()
    said = _run([python, "-c", BACK_END, kind, str(to)], source, SOURCE_DATE_EPOCH=str(seconds))
    return to / said.split()[-1]


def _run(command: Sequence[str], folder: Path, **variables: str) -> str:
    """Run a step of the build. Raises ServiceFailed with what it said."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)} | variables
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceFailed(
            f"Building failed with exit {done.returncode}.",
            state="Nothing was tagged or published.",
            remedy="Mend what is below, then run it again",
            evidence=done.stdout + done.stderr,
        )
    return done.stdout


def _empty(folder: Path) -> None:
    """Make the folder, without what an earlier build left."""
    folder.mkdir(exist_ok=True)
    for file in (*folder.glob("*.whl"), *folder.glob("*.tar.gz"), folder / SUMS):
        file.unlink(missing_ok=True)


def _moved(file: Path, to: Path) -> str:
    (to / file.name).write_bytes(file.read_bytes())
    return _sha256(to / file.name)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
