"""A run's Python is clean: it has what the workflow's steps install, by the lock, and nothing of the sandbox's own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tagship.sandbox.actions import environments, lending

HASH = "--hash=sha256:" + "0" * 64
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}


class Job:
    """A job's workspace, and the Python that setup-python gives."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.bin = folder, environments.tool(folder / "tools", cache)
        self.workspace = folder / "workspace"
        self.workspace.mkdir()

    def run(self, lines: str, *, fails: bool = False) -> str:
        done = subprocess.run(
            ["bash", "-euc", lines], cwd=self.workspace, env=OFFLINE | {"PATH": f"{self.bin}:/usr/bin:/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def write(self, name: str, text: str) -> None:
        (self.workspace / name).write_text(text, "utf-8")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "ci"


@pytest.fixture
def job(tmp_path: Path, cache: Path) -> Job:
    return made(tmp_path / "first", cache)


def made(folder: Path, cache: Path) -> Job:
    folder.mkdir()
    return Job(folder, cache)


def pin(*names: str) -> str:
    return "".join(f"{name}=={version(name)} \\\n    {HASH}\n" for name in names)


INSTALL = "python -m venv .venv && .venv/bin/pip install --quiet --require-hashes -r lock.txt"
ASK = ".venv/bin/python -c 'import {0}; print({0}.__file__)'"


def layers(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if len(path.name) == 32]


def test_it_has_what_the_lock_names_and_nothing_else(job: Job) -> None:
    job.write("lock.txt", pin("invoke"))
    job.run(INSTALL)
    assert str(job.workspace / ".venv") in job.run(ASK.format("invoke"))
    assert "No module named 'moto'" in job.run(ASK.format("moto"), fails=True)
    assert version("invoke") in job.run(".venv/bin/inv --version")


@pytest.mark.parametrize("name", ["my shop", "ada's", "a" * 130])
def test_its_programs_run_in_a_folder_whose_path_has_a_blank_or_a_quote_or_is_long(
    tmp_path: Path, cache: Path, name: str
) -> None:
    job = made(tmp_path / name, cache)
    job.write("lock.txt", pin("invoke"))
    job.run(INSTALL)
    assert version("invoke") in job.run(".venv/bin/inv --version")


def test_a_lock_that_lacks_what_a_package_needs_fails_as_pip_says(job: Job) -> None:
    job.write("lock.txt", pin("jinja2"))  # and not markupsafe
    assert "ERROR" in job.run(INSTALL, fails=True)


@pytest.mark.parametrize("lock", [f"invoke==0.0.1 {HASH}\n", "invoke==" + version("invoke") + "\n"])
def test_what_is_not_pinned_or_not_here_is_left_to_pip_which_has_no_index_here(lock: str, job: Job) -> None:
    job.write("lock.txt", lock)
    assert "ERROR" in job.run(INSTALL, fails=True)


def test_a_package_that_no_file_names_is_not_lent(job: Job) -> None:
    assert "ERROR" in job.run("python -m venv .venv && .venv/bin/pip install invoke", fails=True)


def test_the_next_job_has_the_same_lock_at_once_and_another_lock_has_its_own(
    job: Job, cache: Path, tmp_path: Path
) -> None:
    job.write("lock.txt", pin("invoke"))
    job.run(INSTALL)
    [layer] = layers(cache)
    second = made(tmp_path / "second", cache)
    second.write("lock.txt", pin("invoke"))
    second.run(INSTALL)
    assert layers(cache) == [layer]
    assert f"{second.workspace}/.venv" in second.run(ASK.format("invoke"))
    assert f"{second.workspace}/.venv/bin/python" in (second.workspace / ".venv/bin/inv").read_text()
    second.write("lock.txt", pin("invoke", "six"))
    second.run(f"rm -r .venv && {INSTALL}")
    assert len(layers(cache)) == 2


def test_a_layer_whose_lender_is_gone_is_made_again(job: Job, cache: Path) -> None:
    job.write("lock.txt", pin("invoke"))
    job.run(INSTALL)
    [layer] = layers(cache)
    info = next((layer / "packages").glob("invoke-*.dist-info"))
    info.unlink()
    info.symlink_to(layer / "gone")
    job.run(f"rm -r .venv && {INSTALL} && {ASK.format('invoke')}")
    assert info.resolve().is_dir()


def test_something_unpinned_beside_it_does_not_come_into_what_is_shared(job: Job, cache: Path) -> None:
    wheel(job.workspace)
    job.write("lock.txt", pin("invoke"))
    job.run(f"{INSTALL} && .venv/bin/pip install --quiet ./own-1-py3-none-any.whl && {ASK.format('own')}")
    [layer] = layers(cache)
    assert not list((layer / "packages").glob("own*"))
    job.run(f"rm -r .venv && {INSTALL}")
    assert "No module named 'own'" in job.run(ASK.format("own"), fails=True)


def wheel(folder: Path, needs: str = "") -> str:
    """A wheel of one module and one program; its digest."""
    path = folder / "own-1-py3-none-any.whl"
    files = {
        "own.py": "def main():\n    print('own program')\n",
        "own-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: own\nVersion: 1\n{needs}",
        "own-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "own-1.dist-info/entry_points.txt": "[console_scripts]\nown = own:main\n",
        "own-1.dist-info/RECORD": "own.py,,\nown-1.dist-info/METADATA,,\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


LOCAL = "./own-1-py3-none-any.whl --hash=sha256:{}\n"


def test_a_wheel_in_the_repository_is_installed_by_its_hash(job: Job) -> None:
    job.write("lock.txt", LOCAL.format(wheel(job.workspace, "Requires-Dist: invoke>=1\n")) + pin("invoke"))
    assert "own program" in job.run(f"{INSTALL} && .venv/bin/own")


def test_a_wheel_that_is_missing_or_another_fails_even_if_it_was_installed_before(job: Job) -> None:
    job.write("lock.txt", LOCAL.format(wheel(job.workspace)))
    job.run(INSTALL)
    wheel(job.workspace, "Summary: altered\n")
    assert "DO NOT MATCH THE HASHES" in job.run(f"rm -r .venv && {INSTALL}", fails=True)
    (job.workspace / "own-1-py3-none-any.whl").unlink()
    assert "ERROR" in job.run(f"rm -r .venv && {INSTALL}", fails=True)


def test_a_wheel_whose_needs_the_lock_lacks_fails(job: Job) -> None:
    job.write("lock.txt", LOCAL.format(wheel(job.workspace, "Requires-Dist: invoke>=1\n")))
    assert "ERROR" in job.run(INSTALL, fails=True)


def test_a_file_that_names_another_is_read_with_it(job: Job) -> None:
    job.write("base.txt", pin("six"))
    job.write("lock.txt", f"# both\n-r base.txt\n{pin('invoke')}")
    job.run(INSTALL)
    job.run(f"{ASK.format('six')} && {ASK.format('invoke')}")


def test_pythons_own_ways_lead_to_the_same_pip(job: Job) -> None:
    job.write("lock.txt", pin("invoke"))
    job.run("python -m pip install --quiet --require-hashes -r lock.txt && python -c 'import invoke' && inv --version")
    assert "invoke" in job.run("pip list")
    assert str(job.folder) in job.run("python -c 'import sys; print(sys.prefix)'")
    assert "usage" in job.run("python -m venv --help")


@pytest.mark.parametrize(
    ("words", "pinned"),
    [
        ("install --quiet --require-hashes -r a.txt", True),
        ("install --require-hashes -r a.txt -r b.txt", True),
        ("install --no-deps --no-build-isolation -r git.txt", True),
        ("install --no-deps -r a.txt", False),
        ("install -r a.txt", False),
        ("install --require-hashes -r a.txt six", False),
        ("install --require-hashes --target x -r a.txt", False),
        ("install six", False),
        ("uninstall --require-hashes -r a.txt", False),
    ],
)
def test_an_install_is_pinned_by_hashes_or_by_commits_alone(words: str, pinned: bool, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(pin("six"))
    (tmp_path / "git.txt").write_text(f"git+https://x.example/y@{'a' * 40}\n")
    listed = [str(tmp_path / word) if word.endswith(".txt") else word for word in words.split()]
    assert lending.is_pinned(listed, lending.files(listed)) is pinned


def test_only_so_many_layers_are_kept(job: Job, cache: Path) -> None:
    for number in range(environments.KEPT + 2):
        job.write("lock.txt", f"# {number}\n{pin('six')}")
        job.run(f"rm -rf .venv && {INSTALL}")
    assert len(layers(cache)) == environments.KEPT
    assert sys.prefix not in job.run(
        "cat .venv/bin/pip3 >/dev/null; .venv/bin/python -c 'import sys; print(sys.prefix)'"
    )
