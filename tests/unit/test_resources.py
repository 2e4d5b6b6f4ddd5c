"""What tagship brings along: the files of deploy/, and whose copy serves a repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tagship import resources

ROOT = Path(__file__).parents[2]
ENTRY = "deploy/host/entry.sh"


def tracked() -> dict[str, str]:
    """Each file of deploy/ that Git knows, with its mode."""
    listing = subprocess.run(["git", "ls-files", "-s", "deploy"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {path: facts.split()[0] for facts, path in (line.split("\t") for line in listing.stdout.splitlines())}


def test_they_are_every_file_of_deploy_in_the_order_of_a_bundle() -> None:
    assert list(resources.names()) == sorted(tracked())
    assert set(resources.EJECTED) <= set(resources.names())


def test_what_names_its_interpreter_is_what_git_has_as_executable() -> None:
    """So a bundle has the same bytes whether its host files come from a commit or from the package."""
    programs = {name for name in resources.names() if resources.is_program(resources.content(name))}
    assert programs == {path for path, mode in tracked().items() if mode == "100755"}


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("its own\n")


@pytest.mark.parametrize("names", [(), ("deploy/README.md",), ("deploy/ec2_deploy.sh",), (ENTRY,)])
def test_a_repository_without_host_files_is_served_by_those_of_tagship(names: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, *names)
    assert resources.text(tmp_path, ENTRY) == (ROOT / ENTRY).read_text("utf-8")


def test_a_repository_with_host_files_is_served_by_its_own_and_by_no_other(tmp_path: Path) -> None:
    write(tmp_path, *resources.EJECTED)
    assert resources.text(tmp_path, ENTRY) == "its own\n"
    with pytest.raises(FileNotFoundError):
        resources.text(tmp_path, "deploy/user_data.sh")
