"""The release commands as they are typed: `inv` in a real checkout, with a real remote beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.checkout import Checkout, git

INV = str(Path(sys.executable).with_name("inv"))
SETTINGS = """
app = "hello"

[aws]
bucket = "hello-artifacts"

[signing]
key = "release.key.pem"
public_key = "release.pub.pem"

[environments.dev]
branch = "dev"

[environments.dev.ec2]
tags = { "tagship:app" = "hello" }
command = ["python3", "app.py"]
"""


class Typed(Checkout):
    """A checkout that ships with tagship; 0.1.0-dev is out, and one commit after it is pushed."""

    def _lay(self) -> None:
        super()._lay()
        (self.work / "tagship.toml").write_text(SETTINGS)
        (self.work / "tasks.py").write_text("from tagship.tasks import ns\n")
        (self.work / ".gitignore").write_text("__pycache__\n")
        git(self.work, "add", ".")
        self.commit("Ship with tagship")
        self.share()
        self.release("0.1.0-dev")
        self.commit("Mend the thing")
        self.share()

    @property
    def environment(self) -> dict[str, str]:
        """No token and no credentials, whatever the machine has; `gh` finds no login either."""
        gone = {"GH_TOKEN", "GITHUB_TOKEN", "CI"}
        kept = {name: text for name, text in os.environ.items() if name not in gone}
        kept["PATH"] = f"{Path(INV).parent}{os.pathsep}{kept['PATH']}"  # what is printed begins with `inv`
        return {**kept, "GH_CONFIG_DIR": str(self.folder / "gh")}

    def inv(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal."""
        return subprocess.run(
            [INV, *arguments],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def both(self) -> tuple[dict[str, str], dict[str, str]]:
        """Every branch and tag on either side."""
        return self.here(), self.there()
