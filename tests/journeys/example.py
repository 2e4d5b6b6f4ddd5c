"""A repository that is one of examples/: its practice clone, and what is typed there."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagship import bootstrap
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.journeys.test_release import BIN, WORKFLOW
from tests.sandbox import shapes
from tests.sandbox.conftest import git

FIRST, SECOND, BROKEN = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
STEPS = "      - {name: Verify, run: inv verify}\n      - {name: Notify, if: always(), run: inv notify}\n"


def files(example: str, steps: str = STEPS) -> dict[str, str]:
    """The files of an example, and what any adopting repository has."""
    folder = shapes.REPOSITORY / "examples" / example
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {
        **{str(path.relative_to(folder)): path.read_text("utf-8") for path in paths},
        "tasks.py": "from tagship.tasks import ns\n",
        ".gitignore": ".tagship\n__pycache__\n",
        ".github/workflows/deploy-dev.yml": WORKFLOW.replace("INSTALLED", str(BIN)) + steps,
    }


@dataclass
class Example(ABC):
    """The practice clone of a repository that is an example, and what typing there has shown."""

    running: Running
    shown: dict[str, str] = field(default_factory=dict)  # by version, what its release showed

    @property
    def work(self) -> Path:
        return self.running.work

    def inv(self, *words: str, fails: bool = False) -> str:
        return shapes.inv(self.work, *words, fails=fails)

    @abstractmethod
    def version(self, version: str, fault: str) -> Mapping[str, str]:
        """The files that make a version, with that fault."""

    def commit(self, version: str, fault: str = "") -> str:
        for path, text in self.version(version, fault).items():
            (self.work / path).write_text(text, "utf-8")
        git(self.work, "commit", "--quiet", "--all", "-m", f"Greet with {version}")
        return version

    def release(self, version: str, *words: str, fault: str = "") -> None:
        """Commit a version with that fault, and release it by CI."""
        self.commit(version, fault)
        self.shown[version] = self.inv("deploy-dev", "--yes", *words, fails=bool(fault))

    def publish(self, version: str, fault: str = "") -> None:
        """Make an artifact of a version, as CI would."""
        git(self.work, "tag", "-a", self.commit(version, fault), "-m", version)
        for verb in (build, bundle, publish):
            verb(bootstrap.app(self.work), artifact=version)

    def deploy(self, version: str, fault: str = "") -> None:
        """Publish a version, and deploy it by hand."""
        self.publish(version, fault)
        self.shown[version] = self.inv("deploy", "--version", version, fails=bool(fault))

    def last_summary(self) -> str:
        """What the last run of CI wrote on its page."""
        newest = max(self.running.folder.glob("runs/*/ship/summary.md"), key=lambda path: path.stat().st_mtime)
        return newest.read_text("utf-8")


def greeting(version: str, **more: Any) -> str:
    """What an example answers, as the JSON that it reads."""
    return json.dumps({"greeting": version, **more})
