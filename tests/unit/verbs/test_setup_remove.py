"""setup --remove: what setup made goes, once the environment's name was typed; data stays, and is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import Refused, ServiceFailed, UsageError
from tagship.verbs.setup import setup
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.foundation import FakeFoundation
from tests.fakes.prompt import FakePrompt
from tests.fakes.repository import FakeRepository

ROOT = Path(__file__).parents[3]
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello"


@pytest.fixture
def app(tmp_path: Path) -> FakeApp:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    dev = environments(ec2={"runtime": "docker"}, image={"repository": IMAGE})["dev"]
    prod = json.loads(json.dumps(dev)) | {"suffix": "prod"}
    values: dict[str, Any] = {
        "signing": {"key": "kms:alias/hello-{environment}", "public_key": "keys/{environment}.pem"},
        "ci": {"repository": "acme/hello"},
        "environments": {"dev": dev, "prod": prod},
    }
    app = FakeApp(settings=settings(**values), root=tmp_path)
    app.given["foundation"] = FakeFoundation(pem="")
    app.given["repository"] = FakeRepository()
    setup(app)
    account(app).done.clear()
    app.screen.lines.clear()
    return app


def account(app: FakeApp) -> FakeFoundation:
    found: FakeFoundation = app.given["foundation"]
    return found


def test_one_environment_goes_and_what_all_share_stays(app: FakeApp) -> None:
    app.prompt = FakePrompt("prod", "dev")
    result = setup(app, remove=True, env="dev")
    assert account(app).done == ["remove stack tagship-hello-dev"]
    assert app.prompt.problems == ["Type dev to go on, or press Ctrl-C."]
    assert set(account(app).stacks) == {"tagship-hello", "tagship-hello-prod"}
    assert result.as_data() == {
        "done": True, "removed": ["stack tagship-hello-dev"], "left": ["the key alias/hello-dev"]
    }  # fmt: skip


def test_with_the_last_environment_goes_all_but_the_data(app: FakeApp) -> None:
    setup(app, remove=True, env="dev", yes=True)
    app.screen.lines.clear()
    setup(app, remove=True, env="prod", yes=True)
    assert account(app).done[1:] == [
        "remove document tagship-deploy", "remove document tagship-deploy-status",
        "remove stack tagship-hello-prod", "remove stack tagship-hello"
    ]  # fmt: skip
    assert app.screen.lines[:8] == [
        "remove stack tagship-hello-prod",
        "remove stack tagship-hello",
        "remove document tagship-deploy",
        "remove document tagship-deploy-status",
        "leave  the key alias/hello-prod",
        "leave  the bucket hello-artifacts, with every artifact, the ledger and its policy",
        "leave  the image repository hello",
        "leave  GitHub's OIDC provider, which other roles may trust",
    ]


def test_the_list_comes_before_the_question_and_a_dry_run_ends_there(app: FakeApp) -> None:
    setup(app, remove=True, env="dev", dry_run=True)
    assert app.screen.lines[0] == "remove stack tagship-hello-dev"
    with pytest.raises(UsageError) as caught:
        setup(app, remove=True, env="dev")
    assert caught.value.remedy == "Say it: inv setup --remove --env dev --yes"
    assert account(app).done == []


def test_a_stack_that_cannot_be_deleted_stops_it_and_it_can_be_done_again(app: FakeApp) -> None:
    account(app).broken = "tagship-hello-dev"
    with pytest.raises(ServiceFailed, match="People: in use"):
        setup(app, remove=True, env="dev", yes=True)
    account(app).broken = ""
    setup(app, remove=True, env="dev", yes=True)
    again = setup(app, remove=True, env="dev", yes=True)
    assert again.as_data() == {"done": True, "removed": (), "left": ()}
    assert app.screen.lines[-1].startswith("nothing to remove")


def test_what_was_removed_before_it_failed_is_said(app: FakeApp) -> None:
    setup(app, remove=True, env="dev", yes=True)
    account(app).broken = "tagship-hello"
    with pytest.raises(ServiceFailed) as caught:
        setup(app, remove=True, env="prod", yes=True)
    assert caught.value.state == (
        "Removed by then: document tagship-deploy, document tagship-deploy-status, stack tagship-hello-prod."
    )


def test_a_sandbox_is_taken_away_by_its_own_command(app: FakeApp) -> None:
    app.settings = app.settings.model_copy(update={"sandbox": True})
    with pytest.raises(Refused) as caught:
        setup(app, remove=True, env="dev", yes=True)
    assert caught.value.remedy == "Take it away: inv sandbox down"
