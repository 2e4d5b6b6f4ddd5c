"""Somebody who may write to the bucket alone adds entries with outputs of infrastructure of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.domain import foundation
from tagship.domain.health import Sample
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.engine.plan import FEW
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.fakes.app import FakeApp
from tests.fakes.web import FakeWeb
from tests.unit.engine.test_outputs import NEW, OLD, asked, kept, made
from tests.unit.test_policies import ACCOUNT, allowed, read, statements

OURS, THEIRS = "https://one", "https://mallory.example"


@pytest.fixture
def app(tmp_path: Path) -> FakeApp:
    """A deployment that recorded where the API is; for each version the tool's file is there."""
    app = made(tmp_path)
    for version in (OLD, NEW):
        kept(app, version, api_url=OURS)
    deploy(app, artifact=OLD)
    app.clock.advance(60)
    return app


def forge(app: FakeApp, id_: str) -> None:
    """Add an entry to the ledger as if a deployment had been healthy, with another address."""
    newest = app.ledger.entries[-1]
    forged = replace(newest, deployment_id=id_, number=1, state="healthy", details={"outputs": {"api_url": THEIRS}})
    app.ledger.entries.append(forged)


def soon(app: FakeApp) -> str:
    """An id that is later than any deployment, and not later than now."""
    return f"{app.clock.now():%Y%m%d-%H%M%S}-000000-abcdef"


def test_a_deployment_asks_what_the_tool_says_whatever_an_entry_says(app: FakeApp) -> None:
    forge(app, soon(app))
    app.clock.advance(60)
    app.web = FakeWeb(Sample(200, NEW))
    assert deploy(app, artifact=NEW).ci_outputs(app)["url"] == OURS
    assert not [url for url in app.web.asked if THEIRS in url]
    assert app.ledger.entries[-1].details["outputs"] == {"api_url": OURS}


def test_what_a_forged_entry_says_counts_until_the_next_deployment_and_no_longer(app: FakeApp) -> None:
    """So much is reached, and docs/security.md says it: an address that is asked, and shown."""
    forge(app, soon(app))
    assert asked(app) == [f"{THEIRS}/healthz"]
    app.clock.advance(60)
    deploy(app, artifact=NEW)
    app.clock.advance(60)
    assert app.filled("dev").environment("dev").health.url == f"{OURS}/healthz"
    rollback(app, to=OLD)
    assert app.ledger.entries[-1].details["outputs"] == {"api_url": OURS}


@pytest.mark.parametrize("others", [0, FEW])
def test_an_entry_of_a_time_to_come_counts_for_nothing_and_is_named(app: FakeApp, others: int) -> None:
    """It would be the latest for ever, also after each deployment that is one; many would hide all that are."""
    for number in range(others):
        forge(app, f"29980101-000000-000000-{number:06x}")
    forge(app, "29990101-000000-000000-abcdef")
    assert asked(app) == [f"{OURS}/healthz"]
    [environment] = status(app, env="dev")
    assert environment.artifact == OLD
    first = "29980101-000000-000000-000000" if others else "29990101-000000-000000-abcdef"
    assert any(f"entries of a time to come ({first}" in line for line in app.screen.warnings)
    app.clock.advance(60)
    deploy(app, artifact=NEW)
    assert status(app, env="dev")[0].artifact == NEW


def test_an_entry_of_no_time_at_all_counts_for_nothing_and_is_named(app: FakeApp) -> None:
    """Its name has the form of an id: it sorts last, and nobody can say when it was."""
    forge(app, "99999999-999999-000000-abcdef")
    assert asked(app) == [f"{OURS}/healthz"]
    assert status(app, env="dev")[0].artifact == OLD
    assert any("99999999-999999-000000-abcdef" in line for line in app.screen.warnings)


def test_a_file_that_an_artifact_has_is_not_the_buckets_to_write(app: FakeApp) -> None:
    """The tool's file is of the checkout: what the bucket holds under its name is never asked for."""
    file = folder(app, ArtifactId(NEW)) / "infra-dev.json"
    key = f"hello/dev/{NEW}/infra-dev.json"
    app.store.create(key, json.dumps({"artifact": NEW, "environment": "dev", "outputs": {}}).encode())
    deploy(app, artifact=NEW)
    assert json.loads(file.read_text())["outputs"]["api_url"]["value"] == OURS


def test_a_name_that_an_entry_gives_opens_no_other_function() -> None:
    """setup wrote the names into the policies: a role reaches these, whatever the ledger says."""
    text = foundation.with_blocks(read("environment"), {}, "", [], functions=["hello-api"])
    given, place = statements("PeopleOfFunctions", text), f"arn:aws:lambda:us-east-1:{ACCOUNT}:function"
    for action in ("lambda:UpdateFunctionCode", "lambda:UpdateAlias", "lambda:InvokeFunction"):
        assert allowed(given, action, f"{place}:hello-api")
        assert not allowed(given, action, f"{place}:mallorys")
