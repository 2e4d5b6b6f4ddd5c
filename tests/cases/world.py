"""What cases begin with: a repository, a bare remote, and a home that holds nothing but a name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.checkout import Checkout, git

TAGSHIP = str(Path(sys.executable).with_name("tagship"))
SETTINGS = Path(__file__).with_name("settings.toml")
IDENTITY = '[user]\n\tname = Tess Ter\n\temail = tess@example.org\n[protocol "file"]\n\tallow = always\n'
DEFECT = "tagship itself failed"
ENDED = subprocess.CompletedProcess[str]


class World(Checkout):
    """A shop's repository: settings, a host program and an asset, in one commit that is pushed."""

    def _lay(self) -> None:
        super()._lay()
        shutil.copy(SETTINGS, self.work / "tagship.toml")
        for name, text in {
            "deploy/ec2_deploy.sh": "#!/bin/bash\n",
            "assets/a": "a\n",
            ".gitignore": ".tagship/\n",
        }.items():
            self.write(name, text)
        (self.work / "deploy/ec2_deploy.sh").chmod(0o755)
        self.change("Ship with tagship")
        self.share()

    @property
    def environment(self) -> dict[str, str]:
        """A home of its own, and none of this machine's tokens, credentials or settings of git."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        (home / ".gitconfig").write_text(IDENTITY, "utf-8")
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "USER": "tess",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def write(self, name: str, text: str) -> None:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def change(self, subject: str) -> str:
        """Commit whatever differs, and a note that always does."""
        with (self.work / "note").open("a", encoding="utf-8") as note:
            note.write(f"{subject}\n")
        git(self.work, "add", "--all")
        return self.commit(subject)

    def program(self, name: str, text: str) -> Path:
        """A program beside the checkout."""
        path = self.folder / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)
        return path

    def run(self, *words: str, prefix: tuple[str, ...] = (), timeout: float = 300, **more: str) -> ENDED:
        """Run tagship without a terminal; `more` is added to its environment."""
        return subprocess.run(
            [*prefix, TAGSHIP, *words],
            cwd=self.work,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ship(self, *words: str, prefix: tuple[str, ...] = (), **more: str) -> ENDED:
        """Tag the next version and push it, following nothing."""
        return self.run("deploy-dev", "--yes", "--no-follow", *words, prefix=prefix, **more)

    def first(self) -> None:
        """0.1.0-dev is out."""
        done = self.ship("--first")
        assert done.returncode == 0, done.stderr


def said(done: ENDED) -> str:
    return done.stdout + done.stderr
