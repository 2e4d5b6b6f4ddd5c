"""A team whose pull requests have environments: its own tool makes and takes away what each of them runs on."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tagship import bootstrap
from tagship.engine.previews import find
from tagship.scaffold.files import ACTION
from tagship.scaffold.pipelines import of_settings
from tagship.settings import load
from tests.sandbox.conftest import client, git, post, repository, start
from tests.sandbox.head import KEYS, head
from tests.sandbox.pipelines import SETUP, Team

DEV = """\
[packages.api]
directory = "api"
[environments.dev]
branch = "main"
[environments.dev.lambda.functions.shop-dev]
package = "api"
"""
PREVIEWS = """\
[previews]
limit = 3
remove = ["PYTHON", "infra.py", "down", "pr-{n}"]
[previews.environment]
health = { attempts = 2, attempts_after_rollback = 2, passes = 1, cap = 1 }
infra = { directory = ".", command = ["PYTHON", "infra.py", "up", "pr-{n}", "{DEPLOYMENT_KEY}"] }
"""
LAMBDA = """\
[previews.environment.lambda.functions."shop-pr-{n}"]
package = "api"
handler = "app.handler"
health.expect = { "version" = "{version}" }
"""
# The team's own tool: it runs with nothing but what `infra` and `preview.close` give it.
INFRA = """\
import io, os, sys, zipfile
import boto3

action, environment = sys.argv[1:3]
name, tags = f"shop-{environment}", {"tagship:app": "shop", "tagship:environment": environment}
functions = boto3.client("lambda")


def package():
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return {}")
    return raw.getvalue()


if os.path.exists("broken"):
    sys.exit("the stack is in use")
try:
    functions.get_function(FunctionName=name)
    exists = True
except functions.exceptions.ResourceNotFoundException:
    exists = False
if action == "up" and not exists:
    print(f"creating {name} for {os.environ['ARTIFACT_ID']} at {sys.argv[3]}")
    role = "arn:aws:iam::123456789012:role/preview"
    about = {"Role": role, "Runtime": "python3.12", "Handler": "app.handler"}
    functions.create_function(FunctionName=name, Code={"ZipFile": package()}, Tags=tags, **about)
if action == "down" and exists:
    print(f"deleting {name} of pull request {os.environ['PR_NUMBER']}")
    functions.delete_function(FunctionName=name)
"""
API = 'import os\ndef handler(event, context):\n    return {"version": VERSION, "greeting": "GREETING"}\n'
REPOSITORY = "sandbox/shop"


def package() -> bytes:
    """A zip file of a function that does nothing."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return {}")
    return raw.getvalue()


def answering(greeting: str, *, healthy: bool = True) -> str:
    """The function's code."""
    return API.replace("GREETING", greeting).replace("VERSION", 'os.environ["VERSION"]' if healthy else '"another"')


def make(folder: Path) -> Path:
    """The repository, with the workflows of pull requests that `init` writes."""
    previews = (PREVIEWS + LAMBDA).replace("PYTHON", sys.executable)
    files = {
        "tagship.toml": head("shop", DEV, previews, signing=KEYS),
        "tasks.py": "from tagship.tasks import ns\n",
        ".gitignore": ".tagship\n__pycache__\n",
        "infra.py": INFRA,
        "api/app.py": answering("main"),
        f"{ACTION}/action.yml": SETUP,
    }
    root = repository(folder, files)
    for name, content in of_settings(load(root / "tagship.toml", {}), ACTION).of_pull_requests():
        (root / ".github/workflows").mkdir(parents=True, exist_ok=True)
        (root / ".github/workflows" / name).write_bytes(content)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Give each pull request an environment")
    return root


@dataclass
class PullRequests(Team):
    """People who open pull requests there; `shown` is the page of the run that was looked at last."""

    shown: str = ""
    before: int = 0  # runs of the workflow that an event is about to start

    @classmethod
    def begin(cls, folder: Path) -> Self:
        root = make(folder)
        return cls(root, start(root), REPOSITORY)

    def push(self, number: int, greeting: str, *, healthy: bool = True, **files: str) -> str:
        """Commit to a pull request's branch; the commit."""
        branch = f"feature-{number}"
        git(self.work, "checkout", "--quiet", "-B", branch)
        (self.work / "api/app.py").write_text(answering(greeting, healthy=healthy), "utf-8")
        for name, text in files.items():
            (self.work / name).write_text(text, "utf-8")
        git(self.work, "add", ".")
        git(self.work, "commit", "--quiet", "--allow-empty", "-m", f"Say {greeting}")
        git(self.work, "push", "--quiet", "--force", "origin", branch)
        return git(self.work, "rev-parse", "HEAD")

    def happens(self, number: int, action: str, head: str, *, owner: str = REPOSITORY, merged: bool = False) -> None:
        """Have GitHub tell of a pull request."""
        base = git(self.work, "rev-parse", "main")
        pull: dict[str, Any] = {
            "number": number,
            "state": "closed" if action == "closed" else "open",
            "head": {"ref": f"feature-{number}", "sha": head, "repo": {"full_name": owner}},
            "base": {"ref": "main", "sha": base, "repo": {"full_name": REPOSITORY}},
        }
        if merged:  # GITHUB_REF is then the branch that it was merged into
            pull |= {"merged": True, "merge_commit_sha": base, "user": {"login": "ada"}}
        self.report(
            "pull_request",
            {"action": action, "number": number, "pull_request": pull},
            "refs/heads/main" if merged else f"refs/pull/{number}/merge",
        )
        self.until(lambda: not list((self.running.folder / "inbox").glob("*.json")))

    def ran(self, name: str = "preview", runs: int = 1) -> dict[str, str]:
        """How the jobs of the latest run ended, once so many more have than before it happened."""
        latest = self.ended(name, self.before + runs)[-1]
        self.shown = self.page(latest)
        return self.jobs(latest)

    def pulled(self, number: int, action: str, head: str, **more: Any) -> dict[str, str]:
        """Have GitHub tell of a pull request, and wait for its run; how its jobs ended."""
        self.before = len(self.runs("preview"))
        self.happens(number, action, head, **more)
        return self.ran()

    def swept(self) -> dict[str, str]:
        """Have the schedule start a sweep, and wait for it."""
        self.before = len(self.runs("preview-sweep"))
        self.report("schedule", {})
        return self.ran("preview-sweep")

    def state(self, number: int) -> str:
        """What is recorded of a preview."""
        record = find(bootstrap.app(self.root), f"pr-{number}")
        return record.state if record else ""

    def close_unheard(self, *numbers: int) -> None:
        """Close pull requests while no runner listens."""
        post(self.running, "faults", {"pulls": {str(number): "closed" for number in numbers}})

    def functions(self) -> set[str]:
        """The names of all functions that there are."""
        return {row["FunctionName"] for row in client(self.running, "lambda").list_functions()["Functions"]}

    def answer(self, number: int) -> Any:
        """What a caller of a preview gets."""
        lambda_ = client(self.running, "lambda")
        answer = lambda_.invoke(FunctionName=f"shop-pr-{number}", Qualifier="live", Payload=b"{}")
        return json.load(answer["Payload"])
