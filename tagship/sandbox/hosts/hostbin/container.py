"""Run a release's image as a plain process, in place of a container, on a sandbox's host; `build` unpacked it.

    container.py IMAGES

It runs in the release's folder, whose manifest.json names the image by its digest, and becomes the image's command. Not
modelled: a filesystem, a network and an account of its own; RUN of the Dockerfile.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> int:
    images, digest = Path(sys.argv[1]), _digest(Path("manifest.json"))
    image = images / digest.replace(":", "-")
    try:
        config = json.loads((image / "config.json").read_text("utf-8"))
    except OSError:
        return _refused(f"no image {digest} was built in it: inv build")
    root = image / "root"
    chosen = json.loads(Path("manifest.json").read_text("utf-8"))["image"].get("command") or config["command"]
    command = [_inside(root, word) for word in chosen]
    if not command:
        return _refused("the Dockerfile has neither CMD nor ENTRYPOINT")
    print(f"SANDBOX: no container: {' '.join(chosen)} runs as a process of this machine.", flush=True)
    os.chdir(root / config["folder"].lstrip("/"))
    try:
        os.execvpe(command[0], command, {**config["variables"], **os.environ})  # noqa: S606 - as a container's
    except OSError as reason:
        return _refused(f"{command[0]} cannot be run on this machine: {reason.strerror}")


def _digest(manifest: Path) -> str:
    return str(json.loads(manifest.read_text("utf-8"))["image"]["digest"])


def _inside(root: Path, word: str) -> str:
    """Turn a path of the image into a path of this machine."""
    own = root / word.lstrip("/")
    return str(own) if word.startswith("/") and own.exists() else word


def _refused(why: str) -> int:
    print(f"SANDBOX: the container cannot be played: {why}.", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main())
