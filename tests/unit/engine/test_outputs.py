"""Outputs of infrastructure in settings: read for a deployment, recorded with it, and taken from there by others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.health import Sample
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import folder
from tagship.errors import Refused, SettingsError
from tagship.settings.late import require_known
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.verify import verify
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.web import FakeWeb

OLD, NEW = "0.1.1-dev", "0.1.2-dev"
URL = {"health": {"url": "{outputs.api_url}/healthz"}}


def made(root: Path, **changes: Any) -> FakeApp:
    """An app whose health URL comes out of infrastructure."""
    app = FakeApp(root=root, settings=settings(environments=environments(**{**URL, **changes})))
    app.publish(OLD, NEW)
    return app


def kept(app: FakeApp, version: str, **outputs: object) -> Path:
    """What `inv infra` leaves for an artifact."""
    file = folder(app, ArtifactId(version)) / "infra-dev.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    shown = {name: {"sensitive": False, "value": value} for name, value in outputs.items()}
    file.write_text(json.dumps({"artifact": version, "environment": "dev", "outputs": shown}))
    return file


def asked(app: FakeApp) -> list[str]:
    """The addresses that `verify` asks."""
    app.web = FakeWeb(Sample(200, OLD))
    verify(app, artifact=OLD)
    return sorted(set(app.web.asked))


def test_a_deployment_records_the_outputs_that_the_settings_name_and_no_others(tmp_path: Path) -> None:
    app = made(tmp_path)
    kept(app, OLD, api_url="https://one", password_of_nobody="x")
    assert deploy(app, artifact=OLD).state == "healthy"
    assert {str(entry.details.get("outputs")) for entry in app.ledger.entries} == {"{'api_url': 'https://one'}"}


def test_without_the_file_a_deployment_is_refused_and_names_key_file_and_command(tmp_path: Path) -> None:
    app = made(tmp_path)
    with pytest.raises(Refused) as problem:
        deploy(app, artifact=OLD)
    assert problem.value.what == (
        "environments.dev.health.url names outputs of infrastructure, and of .tagship/build/0.1.1-dev/infra-dev.json: "
        "No such file or directory."
    )
    again = f"inv infra --version {OLD} --env dev"
    assert problem.value.remedy == f"Have the tool that makes the infrastructure write it: {again}"
    kept(app, OLD, other="x")
    with pytest.raises(Refused, match=r"infra-dev\.json: api_url is not in it"):
        deploy(app, artifact=OLD)
    assert app.ledger.entries == []


def test_everything_else_takes_what_the_latest_deployment_recorded_without_any_file(tmp_path: Path) -> None:
    app = made(tmp_path)
    kept(app, OLD, api_url="https://one")
    deploy(app, artifact=OLD)
    kept(app, NEW, api_url="https://two")
    app.clock.advance(60)
    deploy(app, artifact=NEW)
    for version in (OLD, NEW):
        (folder(app, ArtifactId(version)) / "infra-dev.json").unlink()
    assert app.filled("dev").environment("dev").health.url == "https://two/healthz"
    app.clock.advance(60)
    result = rollback(app, to=OLD)
    assert result.ci_outputs(app)["url"] == "https://two", "infrastructure did not go back"
    assert app.ledger.entries[-1].details["outputs"] == {"api_url": "https://two"}
    assert asked(app) == ["https://two/healthz"]


def test_a_file_of_another_run_is_not_taken_for_what_runs(tmp_path: Path) -> None:
    app = made(tmp_path)
    kept(app, OLD, api_url="https://one")
    deploy(app, artifact=OLD)
    kept(app, NEW, api_url="https://elsewhere")
    assert asked(app) == ["https://one/healthz"]


def test_before_the_first_deployment_what_is_here_is_taken_and_else_it_is_not_known(tmp_path: Path) -> None:
    app = made(tmp_path)
    assert app.filled("dev").environment("dev").health.url == "{outputs.api_url}/healthz"
    with pytest.raises(
        SettingsError, match=r"environments\.dev\.health\.url refers to the output api_url, which is un"
    ) as e:
        require_known(app.filled("dev"), "dev", "health")
    assert e.value.remedy == "Have it written, then deploy, which records it: inv infra --env dev"
    kept(app, OLD, api_url="https://one")
    assert app.filled("dev").environment("dev").health.url == "https://one/healthz"


def test_a_file_of_a_tool_of_ones_own_is_named_in_the_settings(tmp_path: Path) -> None:
    app = made(tmp_path, outputs="cdk-outputs.json", health={"url": "{outputs.HelloStack.ApiUrl}/healthz"})
    (tmp_path / "cdk-outputs.json").write_text(json.dumps({"HelloStack": {"ApiUrl": "https://cdk"}}))
    assert deploy(app, artifact=OLD).state == "healthy"
    assert app.ledger.entries[-1].details["outputs"] == {"HelloStack.ApiUrl": "https://cdk"}


def test_status_needs_no_output_that_it_does_not_ask_for(tmp_path: Path) -> None:
    app = made(tmp_path)
    [environment] = status(app, env="dev")
    assert not environment.problem


def test_an_output_that_does_not_fit_its_key_is_named(tmp_path: Path) -> None:
    app = made(tmp_path)
    kept(app, OLD, api_url="not a url")
    with pytest.raises(SettingsError, match=r"outputs of dev do not fit: health\.url would be 'not a url/healthz'"):
        deploy(app, artifact=OLD)


def test_an_environment_without_outputs_reads_no_ledger_for_its_settings(tmp_path: Path) -> None:
    app = made(tmp_path, health={})
    app.ledger = None  # type: ignore[assignment]
    assert app.filled("dev") is app.settings
