"""The files that tagship brings along: what reaches a host or an AWS account, and the sample settings.

There is one copy of them, deploy/ at the top of tagship's own repository; the wheel holds it as tagship/deploy/. A
repository that has a copy of its own (`EJECTED`) is served from that, whole: never half of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

FOLDER = "deploy"
EJECTED = ("deploy/ec2_deploy.sh", "deploy/host/entry.sh")  # both: a team may have an ec2_deploy.sh that is not ours
SAMPLE = "docs/tagship.sample.toml"
SCHEMA = "docs/tagship.schema.json"


@cache
def package() -> Path:
    """Return the folder that holds tagship's deploy/ and docs/.

    The package itself, or the checkout around it if that is what is installed.
    """
    with as_file(files("tagship")) as folder:
        return folder if (folder / FOLDER).is_dir() else folder.parent


def sample() -> str:
    """Return the path of the sample settings, as one types it."""
    path = package() / SAMPLE
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def place(root: Path) -> Path:
    """Return the folder whose deploy/ serves the repository at `root`."""
    return root if is_ejected(root) else package()


def is_ejected(root: Path) -> bool:
    """Tell whether the working folder has host files of its own."""
    return all((root / name).is_file() for name in EJECTED)


def text(root: Path, name: str) -> str:
    """Read a file such as deploy/host/entry.sh. Raises OSError.

    It is the repository's own, if that has host files, or else tagship's.
    """
    return (place(root) / name).read_text("utf-8")


@cache
def names() -> Sequence[str]:
    """List tagship's own files below deploy/, sorted, as a bundle names them."""
    top = package()
    paths = (path for path in (top / FOLDER).rglob("*") if path.is_file())
    return tuple(sorted(path.relative_to(top).as_posix() for path in paths))


def content(name: str) -> bytes:
    """Read one of tagship's own files."""
    return (package() / name).read_bytes()


def template(name: str) -> str:
    """Read one of tagship's templates."""
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def is_program(content: bytes) -> bool:
    """Tell whether a file is executable: it names its interpreter.

    The mode on the disk says nothing: not every installer and file system keeps it.
    """
    return content.startswith(b"#!")
