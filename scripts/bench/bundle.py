"""The bundle of a 200 MB tree, beside tar | gzip of the same files at the same level; and its peak memory."""

from __future__ import annotations

import random
from pathlib import Path

from scripts.bench.measure import BIN, Figure, git, in_turns, peak, ratio, repository, run

FILES, SIZE = 100, 2 * 1024 * 1024
MEGABYTES = 100


def bundle(folder: Path) -> list[Figure]:
    work = repository(folder)
    settings = work / "tagship.toml"
    settings.write_text('bundle.include = ["data"]\n' + settings.read_text())
    _tree(work / "data")
    (work / "deploy").mkdir(exist_ok=True)
    (work / "deploy" / "ec2_deploy.sh").write_text("exit 0\n")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "-m", "Add data")
    git(work, "tag", "--annotate", "--message", "Bench", "0.1.0-dev")
    command = [str(BIN / "inv"), "bundle", "--artifact", "0.1.0-dev"]
    memory: list[float] = []

    def ours() -> float:
        took, megabytes = peak(command, work)
        memory.append(megabytes)
        return took

    took, beside = in_turns(
        3, ours, lambda: run(["sh", "-c", "tar -cf - deploy data | gzip -6 >../by-hand.tar.gz"], work)
    )
    most = max(memory)
    return [
        ratio("bundle", "a 200 MB tree, beside tar | gzip -6", took, beside, 1.2),
        Figure("bundle", "its peak memory", f"{most:.0f} MB", "", "", f"≤ {MEGABYTES} MB", most <= MEGABYTES),
    ]


def _tree(folder: Path) -> None:
    """200 MB that compress about as well as programs do: lines of made-up words."""
    folder.mkdir()
    made = random.Random(51)
    words = ["".join(made.choices("abcdefghijklmnopqrstuvwxyz", k=made.randint(2, 12))) for _ in range(20_000)]
    for number in range(FILES):
        text = " ".join(made.choices(words, k=SIZE // 7))
        (folder / f"{number:03}.txt").write_bytes(text.encode()[:SIZE].ljust(SIZE, b"\n"))
