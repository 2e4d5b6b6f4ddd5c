"""examples/lambda from `inv deploy-dev` to a rollback, as typed: an image, a zip file, a migration, a site."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tagship.sandbox import lifecycle
from tests.journeys.example import BROKEN, FIRST, SECOND, Example, files, greeting
from tests.journeys.test_release import BIN
from tests.sandbox.conftest import client, git, repository, start

API, MIGRATE = "shop-dev-api", "shop-dev-migrate"


class Place(Example):
    """examples/lambda: functions of a zip file and of an image, and a site."""

    def version(self, version: str, fault: str) -> Mapping[str, str]:
        return {"api/service.json": greeting(version, fault=fault), "site/index.html": f"<h1>{version}</h1>\n"}

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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox to which a good version and a broken one were deployed by CI, and a good one by hand."""
    root = repository(tmp_path_factory.mktemp("functions"), files("lambda"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
        made = Place(start(root))
        made.release(FIRST, "--first")
        made.deploy(SECOND)
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
