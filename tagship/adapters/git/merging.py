"""A merge of three texts, by `git merge-file`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tagship import __version__
from tagship.adapters.git.answer import Answer

MOST = 127  # conflicts that its exit code counts; above that it is an error


def merged(run: Callable[..., Answer], mine: bytes, base: bytes, new: bytes) -> bytes | None:
    """Merge what changed from `base` to `new` into `mine`.

    None if Git can't. Conflicts stand in the text between Git's marks, with the base between both sides.
    """
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("mine", "base", "new")]
        for path, text in zip(paths, (mine, base, new), strict=True):
            path.write_bytes(text)
        labels = ("-L", "yours", "-L", "as it was written", "-L", f"tagship {__version__}")
        answer = run("merge-file", "--quiet", "--diff3", *labels, *map(str, paths))
        return paths[0].read_bytes() if 0 <= answer.status <= MOST else None
