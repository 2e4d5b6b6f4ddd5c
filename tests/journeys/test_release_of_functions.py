"""examples/lambda from `inv deploy-dev` to a rollback, as typed: an image, a zip file, a migration, a site."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.journeys.test_deploy_to_services import STEPS
from tests.journeys.test_release import BIN, WORKFLOW
from tests.sandbox import shapes
from tests.sandbox.conftest import client, git, repository, start

FIRST, SECOND, BROKEN = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
API, MIGRATE = "shop-dev-api", "shop-dev-migrate"
EXAMPLE = shapes.REPOSITORY / "examples/lambda"


@dataclass
class Place:
    """The practice clone of a repository that is examples/lambda, and what typing there has shown."""

    running: Running
    shown: dict[str, str] = field(default_factory=dict)  # by version, what its release showed

    @property
    def work(self) -> Path:
        return self.running.work

    def inv(self, *words: str, fails: bool = False) -> str:
        return shapes.inv(self.work, *words, fails=fails)

    def commit(self, version: str, fault: str = "") -> str:
        (self.work / "api/service.json").write_text(json.dumps({"greeting": version, "fault": fault}), "utf-8")
        (self.work / "site/index.html").write_text(f"<h1>{version}</h1>\n", "utf-8")
        git(self.work, "commit", "--quiet", "--all", "-m", f"Greet with {version}")
        return version

    def release(self, version: str, *words: str, fault: str = "") -> None:
        """Commit a version with that fault, and release it by CI."""
        self.commit(version, fault)
        self.shown[version] = self.inv("deploy-dev", "--yes", *words, fails=bool(fault))

    def publish(self, version: str) -> None:
        """Make an artifact of a version, as CI would."""
        git(self.work, "tag", "-a", self.commit(version), "-m", version)
        for verb in (build, bundle, publish):
            verb(bootstrap.app(self.work), artifact=version)

    @property
    def lambda_(self) -> Any:
        return client(self.running, "lambda")

    def answer(self, path: str = "/") -> Any:
        """What a caller gets of the api."""
        answer = self.lambda_.invoke(FunctionName=API, Qualifier="live", Payload=json.dumps({"path": path}))
        return json.loads(json.load(answer["Payload"])["body"])

    def page(self) -> str:
        """What the site serves."""
        body: bytes = client(self.running, "s3").get_object(Bucket="shop-site-dev", Key="index.html")["Body"].read()
        return body.decode()

    def serves(self, version: str) -> bool:
        """Whether every part of the release is that version's."""
        return self.answer() == {"greeting": version, "version": version} and version in self.page()

    def last_summary(self) -> str:
        newest = max(self.running.folder.glob("runs/*/ship/summary.md"), key=lambda path: path.stat().st_mtime)
        return newest.read_text("utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox to which a good version and a broken one were deployed by CI, and a good one by hand."""
    files = {str(path.relative_to(EXAMPLE)): path.read_text("utf-8") for path in EXAMPLE.rglob("*") if path.is_file()}
    files["tasks.py"] = "from tagship.tasks import ns\n"
    files[".gitignore"] = ".tagship\n__pycache__\n"
    files[".github/workflows/deploy-dev.yml"] = WORKFLOW.replace("INSTALLED", str(BIN)) + STEPS
    root = repository(tmp_path_factory.mktemp("functions"), files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        made = Place(start(root))
        made.release(FIRST, "--first")
        made.publish(SECOND)
        made.shown[SECOND] = made.inv("deploy", "--version", SECOND)
        made.release(BROKEN, fault="error")
        yield made
    lifecycle.down(root)


def test_a_release_ends_with_every_part_of_it_on_the_version_that_ci_built(place: Place) -> None:
    assert f"{FIRST} is healthy on dev" in place.shown[FIRST]
    assert f"{SECOND} is healthy on dev ({API}, {MIGRATE}) after " in place.shown[SECOND]
    assert place.serves(SECOND)
    commit = git(place.work, "rev-parse", f"{SECOND}^{{commit}}")
    assert place.answer("/version") == {"version": SECOND, "commit_sha": commit}


def test_the_migration_is_the_releases_own_and_ran_before_the_switch(place: Place) -> None:
    shown = place.shown[SECOND]
    passed = "hook before_switch (function shop-dev-migrate) passed"
    assert shown.index(passed) < shown.index("moving the aliases")
    assert "migrated 0002_notes" in place.inv("history", "--json")


def test_a_version_that_answers_badly_meets_no_caller_and_changes_no_part(place: Place) -> None:
    shown = place.shown[BROKEN]
    assert f"error: {BROKEN} failed on dev ({API}, {MIGRATE}: its answer has statusCode = 500, not 200)." in shown
    assert f"now: {SECOND} is serving. What the hook before_switch (function {MIGRATE}) did stays." in shown
    assert place.serves(SECOND)
    assert f"{BROKEN} on dev: rolled-back" in place.last_summary()
    assert "its answer has statusCode = 500, not 200" in place.inv("why-not", "--version", BROKEN, "--env", "dev")


def test_a_rollback_makes_no_version_and_status_history_and_heal_say_what_is(place: Place) -> None:
    before = [row["Version"] for row in place.lambda_.list_versions_by_function(FunctionName=API)["Versions"]]
    shown = place.inv("rollback", "--to", FIRST)
    assert f"{FIRST} is healthy on dev ({API}, {MIGRATE}) after " in shown
    assert place.serves(FIRST)
    after = [row["Version"] for row in place.lambda_.list_versions_by_function(FunctionName=API)["Versions"]]
    assert after == before
    assert f"{API}      {API}      {FIRST}  as recorded" in place.inv("status")
    assert f"rollback {FIRST} on dev" in place.inv("history")
    assert f"every function of dev runs {FIRST}: there is nothing to heal" in place.inv("heal")
    assert "There is no unfinished deployment of dev." in place.inv("resume", fails=True)
    place.inv("rollback", "--to", SECOND, "--allow-bad")
    assert place.serves(SECOND)


def test_nothing_that_is_said_of_functions_speaks_of_hosts(place: Place) -> None:
    said = "\n".join(
        [
            *place.shown.values(),
            place.inv("status"),
            place.inv("history"),
            place.inv("verify", "--version", SECOND),
            place.inv("deploy", "--version", SECOND, "--allow-bad"),
            place.inv("heal"),
            place.inv("rollback", "--to", FIRST, "--dry-run"),
        ]
    )
    assert [line for line in said.splitlines() if "host" in line.lower().replace("localhost", "")] == []


def test_what_is_for_hosts_is_refused_in_the_words_of_functions(place: Place) -> None:
    assert "dev has no hosts that boot: it needs no user data." in place.inv("user-data", "--env", "dev", fails=True)
    assert "dev has no hosts to adopt." in place.inv("adopt", "--env", "dev", fails=True)
    assert "dev has no hosts that pin keys." in place.inv("pin", "--env", "dev", fails=True)


def test_doctor_speaks_of_functions(place: Place) -> None:
    said = place.inv("doctor")
    assert "dev: functions" in said
    assert [line for line in said.splitlines() if "dev: " in line and "host" in line] == []
