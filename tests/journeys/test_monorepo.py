"""Two apps in folders of one repository, by the workflows of init: each ships its own tags, and none of the other's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.scaffold.app_folder import AppFolder
from tagship.scaffold.files import workflow
from tests.sandbox.conftest import git, start
from tests.sandbox.pipelines import SETUP

HERE = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SETTINGS = """\
app = "{app}"
sandbox = true
[tags]
prefix = "{prefix}"
[aws]
bucket = "shop-artifacts"
[signing]
key = "kms:alias/{app}"
public_key = "release.pub.pem"
[bundle]
include = ["hello"]
[environments.dev]
branch = "dev"
workflow = "{app}-deploy-dev.yml"
health = {{ attempts = 4, cap = 1, timeout = 1 }}
ec2.tags = {{ "tagship:app" = "{app}" }}
ec2.command = ["python3", "hello/app.py"]
"""
APPS = {"api": "api-", "web": "web/v"}


def make(root: Path) -> Path:
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / ".gitignore").write_text(".tagship\n__pycache__\n")
    for app, prefix in APPS.items():
        place = AppFolder(app, f"services/{app}", prefix, alone=False)
        folder = root / place.folder
        shutil.copytree(HERE / "examples/hello", folder / "hello", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "tagship.toml").write_text(SETTINGS.format(app=app, prefix=prefix))
        (folder / "tasks.py").write_text("from tagship.tasks import ns\n")
        (root / place.action).mkdir(parents=True)
        (root / place.action / "action.yml").write_text(SETUP)
        workflows = root / ".github/workflows"
        workflows.mkdir(parents=True, exist_ok=True)
        (workflows / f"{app}-deploy-dev.yml").write_bytes(workflow("dev", "dev", place=place))
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Begin")
    return root


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    """A sandbox of each app, started from its folder; 0.1.0-dev of each is out."""
    root = make(tmp_path_factory.mktemp("monorepo"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        try:
            running = {app: start(root / "services" / app) for app in APPS}
            for app, box in running.items():
                done = inv(box, "deploy-dev", "--first", "--yes")
                assert done.returncode == 0, (app, done.stdout + done.stderr)
            yield running
        finally:
            for app in APPS:
                lifecycle.down(root / "services" / app)


def inv(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if name not in {"CI", "GITHUB_TOKEN", "GH_TOKEN"}}
    return subprocess.run(
        [str(BIN / "inv"), *words], cwd=running.work, env=kept, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=180, check=False)  # fmt: skip


def served(running: Running) -> str:
    [host] = running.hosts
    with urllib.request.urlopen(f"http://127.0.0.1:{host.port}/healthz", timeout=5) as answer:
        return str(json.load(answer)["version"])


def test_each_serves_its_own_version_under_a_tag_of_its_own(apps: dict[str, Running]) -> None:
    for app, running in apps.items():
        assert running.work == running.folder / "work/services" / app
        assert f"{APPS[app]}0.1.0-dev" in git(running.origin, "tag", "--list").split()
        assert served(running) == "0.1.0-dev"


def test_another_apps_tag_is_no_version_here_and_starts_nothing(apps: dict[str, Running]) -> None:
    api = apps["api"]
    git(api.work, "tag", "-a", "-m", "of the other", "web/v7.0.0-dev")
    git(api.work, "push", "--quiet", "origin", "refs/tags/web/v7.0.0-dev")
    listed = json.loads(inv(api, "versions", "--json").stdout)
    assert {entry["version"] for entry in listed["versions"]} >= {"0.1.0-dev"}
    assert not [entry for entry in listed["versions"] if entry["version"].startswith("7.")]
    assert all(entry["tag"].startswith("api-") for entry in listed["versions"])
    stranger = inv(api, "validate", "--version", "web/v7.0.0-dev")
    assert stranger.returncode == 2, stranger.stderr


def test_in_another_apps_folder_of_a_practice_clone_the_way_to_that_apps_sandbox_is_named(
    apps: dict[str, Running],
) -> None:
    """Each sandbox's clone has the folders of all apps."""
    elsewhere = apps["api"].folder / "work/services/web"
    for words in (["status"], ["sandbox", "up"]):
        done = subprocess.run(
            [str(BIN / "inv"), *words], cwd=elsewhere, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 8
        assert "to the app in services/api, not to the one in services/web." in done.stderr
    command = done.stderr.partition("Start that app's own: ")[2].strip()
    led = subprocess.run(["sh", "-c", command], env=os.environ, capture_output=True, text=True, check=True)
    assert "It was up already, for the app in services/web." in led.stdout
    assert str(apps["web"].folder.parents[1]) in command


def test_a_rollback_takes_the_version_with_and_without_its_prefix(apps: dict[str, Running]) -> None:
    api = apps["api"]
    (api.work / "hello/hello.json").write_text(json.dumps({"healthy": True, "greeting": os.urandom(4).hex()}))
    git(api.work, "commit", "--quiet", "--all", "-m", "Greet otherwise")
    number = json.loads(inv(api, "versions", "--json").stdout)["next"]["patch"]
    shipped = inv(api, "deploy-dev", "--yes", "--version", f"api-{number}")
    assert shipped.returncode == 0, shipped.stdout + shipped.stderr
    assert f"api-{number} = 1 commit since api-" in shipped.stdout + shipped.stderr
    assert served(api) == number
    for name in ("api-0.1.0-dev", number, "0.1.0-dev"):
        back = inv(api, "rollback", "--to", name, "--yes", "--allow-bad")
        assert back.returncode == 0, back.stdout + back.stderr
        assert served(api) == name.removeprefix("api-")
    history = json.loads(inv(api, "history", "--json", "--version", f"api-{number}").stdout)
    assert "api-" not in json.dumps([entry["artifact"] for entry in _deployments(history)])


def _deployments(value: object) -> list[dict[str, str]]:
    entries = value if isinstance(value, list) else next(v for v in value.values() if isinstance(v, list))  # type: ignore[attr-defined]
    assert entries
    return entries
