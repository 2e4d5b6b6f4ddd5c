"""The wheel and the sdist: everything is in them, and each is the same bytes wherever and whenever it is built."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.package.conftest import TOP, Installed, built_sdist, built_wheel, install
from tests.sandbox.conftest import git

Build = Callable[..., Path]


def tracked(*paths: str) -> list[str]:
    listing = subprocess.run(["git", "ls-files", *paths], cwd=TOP, capture_output=True, text=True, check=True)
    return listing.stdout.splitlines()


def test_the_wheel_holds_each_file_of_the_package_and_of_deploy_and_nothing_else(wheel: Path) -> None:
    wanted = {
        *tracked("tagship"),
        *(f"tagship/{name}" for name in tracked("deploy", "docs/tagship.sample.toml", "docs/tagship.schema.json")),
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == wanted
        for name in tracked("deploy"):
            assert archive.read(f"tagship/{name}") == (TOP / name).read_bytes()


def copied(to: Path) -> Path:
    """This checkout's files in another place, with other times and other modes."""
    for name in tracked():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TOP / name, to / name)
        (to / name).chmod(0o755 if os.access(TOP / name, os.X_OK) else 0o600)
        os.utime(to / name, (1_000_000_000, 1_000_000_000))
    return to


@pytest.mark.parametrize("build", [built_wheel, built_sdist])
def test_two_builds_have_one_digest(build: Build, tmp_path: Path) -> None:
    one, other = (tmp_path / name for name in ("one", "other"))
    places = [
        (TOP, one, {"TZ": "UTC"}),
        (copied(tmp_path / "copy"), other, {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}),
    ]
    files = [build(source, folder, SOURCE_DATE_EPOCH="1700000000", **more) for source, folder, more in places]
    assert len({hashlib.sha256(file.read_bytes()).hexdigest() for file in files}) == 1


def test_what_is_installed_brings_its_own_deploy_and_knows_nothing_of_this_checkout(
    installed: Installed, tmp_path: Path
) -> None:
    program = "from tagship import resources; print(resources.package(), len(resources.names()))"
    where, count = installed.run(tmp_path, "python", "-c", program).split()
    assert Path(where).is_relative_to(installed.folder)
    assert int(count) == len(tracked("deploy"))


SETTINGS = """\
app = "shop"
sandbox = true
[aws]
bucket = "shop-artifacts"
[signing]
key = "kms:alias/shop-release"
public_key = "release.pub.pem"
[environments.dev.ec2]
tags = { a = "b" }
command = ["python3", "app.py"]
"""
EXTRA = ("moto", "flask", "yaml")  # of [sandbox]


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel without what [sandbox] adds."""
    return install(wheel, tmp_path_factory.mktemp("base") / "venv", without=EXTRA)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "tagship.toml").write_text(SETTINGS, "utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


@pytest.mark.parametrize("words", ["sandbox up", "sandbox reset"])
def test_without_the_extra_what_needs_it_names_the_command_that_installs_it(
    words: str, base: Installed, shop: Path
) -> None:
    said = base.run(shop, "tagship", *words.split(), fails=True)
    assert "needs Python packages that are not installed: moto, flask, yaml" in said
    assert re.search(r"Install them: \S+/python3? -m pip install 'moto\[\S+' 'packaging>=\S+' 'pyyaml>=6'", said)


@pytest.mark.parametrize("words", ["--list", "sandbox down", "sandbox status", "deploy-dev --help", "eject --dry-run"])
def test_without_the_extra_the_rest_works(words: str, base: Installed, shop: Path) -> None:
    base.run(shop, "tagship", *words.split())
