"""tagship released by tagship: `inv release`, then what release.yml runs, in a clone with an origin of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.package.conftest import TOP
from tests.package.releases import Releases, served
from tests.sandbox.conftest import git

FILES = ["tagship", "deploy", "docs/tagship.sample.toml", "docs/tagship.schema.json", "scripts", "pyproject.toml",
         "tasks.py", "tagship.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"]  # fmt: skip
WHO = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
WHO |= {name.replace("AUTHOR", "COMMITTER"): text for name, text in WHO.items()}


@dataclass(frozen=True)
class Clone:
    """A clone of this repository, and GitHub's releases beside it."""

    root: Path
    releases: Releases

    def inv(self, *words: str, code: int = 0, **variables: str) -> str:
        """Type a command without a terminal; what it said. Its exit code has to be `code`."""
        own = {name: text for name, text in os.environ.items() if not name.startswith(("GITHUB_", "GIT_", "AWS_"))}
        own |= {**WHO, "GITHUB_API_URL": self.releases.url, "GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "ada/tagship"}
        done = subprocess.run(
            [sys.executable, "-c", "from invoke.main import program; program.run()", *words],
            cwd=self.root, env=own | variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256((self.root / 'dist/SHA256SUMS').read_bytes()).hexdigest()}"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """This checkout's files, as a repository whose `main` is pushed."""
    root, origin = tmp_path / "clone", tmp_path / "origin.git"
    listed = subprocess.run(["git", "ls-files", *FILES], cwd=TOP, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((TOP / name).read_bytes())
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    git(root, "remote", "add", "origin", str(origin))
    git(root, "push", "--quiet", "origin", "main")
    with served() as releases:
        yield Clone(root, releases)


def push(clone: Clone) -> None:
    git(clone.root, "push", "--quiet", "--atomic", "origin", "main", "refs/tags/0.2.0")


def test_a_release_is_cut_built_again_and_published(clone: Clone) -> None:
    before = git(clone.root, "rev-parse", "HEAD")
    clone.inv("release", "--version", "0.2.0", "--dry-run")
    assert (git(clone.root, "rev-parse", "HEAD"), git(clone.root, "tag"), git(clone.root, "status", "-s")) == (
        before, "", "",
    )  # fmt: skip
    said = clone.inv("release", "--version", "0.2.0", "--yes")
    assert "git push --atomic origin main refs/tags/0.2.0" in said
    assert '__version__ = "0.2.0"' in git(clone.root, "show", "0.2.0:tagship/__init__.py")
    push(clone)
    cut = clone.digest
    assert cut in clone.inv("release.build", TZ="Asia/Tokyo", PYTHONHASHSEED="7")
    clone.releases.lost = 1
    assert "GitHub answered 502" in clone.inv("release.publish", "--built", cut, code=8)
    clone.inv("release.publish", "--built", cut)
    [release] = clone.releases.releases
    assert release["draft"] is False
    assert "- **" in release["body"]
    assert {asset["name"]: asset["digest"] for asset in release["assets"]} == {
        name: f"sha256:{hashlib.sha256((clone.root / 'dist' / name).read_bytes()).hexdigest()}"
        for name in ("tagship-0.2.0-py3-none-any.whl", "tagship-0.2.0.tar.gz", "SHA256SUMS")
    }
    clone.inv("release.publish", "--built", cut)
    assert len(clone.releases.releases) == 1
    release["assets"][0]["digest"] = f"sha256:{'0' * 64}"
    assert "is out with another tagship-0.2.0-py3-none-any.whl" in clone.inv("release.publish", "--built", cut, code=5)


def test_a_signed_release_carries_its_provenance_and_other_bytes_are_refused(clone: Clone, tmp_path: Path) -> None:
    key, public = tmp_path / "key.pem", clone.root / "scripts/release/keys.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)], check=True)
    subprocess.run(["openssl", "ec", "-in", str(key), "-pubout", "-out", str(public)], check=True, capture_output=True)
    git(clone.root, "add", ".")
    git(clone.root, "commit", "--quiet", "-m", "Sign releases")
    git(clone.root, "push", "--quiet", "origin", "main")
    assert "a release is signed" in clone.inv("release", "--version", "0.2.0", "--yes", code=2)
    clone.inv("release", "--version", "0.2.0", "--yes", "--key", str(key))
    clone.inv("release.build")
    clone.inv("release.publish", "--built", clone.digest)
    assert "provenance.json" in [asset["name"] for asset in clone.releases.releases[0]["assets"]]
    (clone.root / "dist/tagship-0.2.0.tar.gz").write_bytes(b"another")
    assert "is not what was built" in clone.inv("release.publish", "--built", clone.digest, code=5)
    git(clone.root, "tag", "--force", "--annotate", "-m", "tagship 0.2.0", "0.2.0")
    assert "has sha256" in clone.inv("release.build", code=5)


def test_an_interrupted_release_goes_on(clone: Clone) -> None:
    clone.inv("release", "--version", "0.2.0", "--yes")
    git(clone.root, "tag", "--delete", "0.2.0")
    commit = git(clone.root, "rev-parse", "HEAD")
    assert "is here already" in clone.inv("release", "--version", "0.2.0", "--yes")
    assert git(clone.root, "rev-parse", "0.2.0^{commit}") == commit


def test_what_is_not_ready_is_refused(clone: Clone) -> None:
    def refused(*words: str) -> str:
        return clone.inv("release", "--yes", *words, code=3)

    (clone.root / "README.md").write_text("changed", "utf-8")
    assert "Not committed: README.md" in refused("--version", "0.2.0")
    git(clone.root, "checkout", "--", "README.md")
    git(clone.root, "switch", "--quiet", "--create", "feature")
    assert "This is feature; releases are cut on main" in refused("--version", "0.2.0")
    git(clone.root, "switch", "--quiet", "main")
    assert "suffix" in clone.inv("release", "--yes", "--version", "0.2.0-dev", code=2)
    git(clone.root, "tag", "--annotate", "-m", "old", "0.3.0")
    assert "0.3.0 is newer than 0.2.0" in refused("--version", "0.2.0")
    assert "The tag 0.3.0 is here, and not pushed" in refused("--version", "0.3.0")
    git(clone.root, "push", "--quiet", "origin", "0.3.0")
    assert "0.3.0 is released already" in refused("--version", "0.3.0")
    git(clone.root, "commit", "--quiet", "--allow-empty", "-m", "Unseen")
    assert "commits that are not pushed" in refused("--version", "0.4.0")
    (clone.root / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n", "utf-8")
    git(clone.root, "commit", "--quiet", "-am", "Empty it")
    git(clone.root, "push", "--quiet", "origin", "main")
    assert "says nothing below" in refused("--version", "0.4.0")
