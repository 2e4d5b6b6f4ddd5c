"""Build, publish, deploy and roll back two functions of Lambda: what is said is what their aliases answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.errors import DeployFailed
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy import deploy
from tagship.verbs.heal import heal
from tagship.verbs.publish import publish
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.verify import verify
from tests.sandbox.conftest import client, git, repository, start
from tests.sandbox.head import head
from tests.sandbox.shapes import inv

FIRST, SECOND = "0.1.0-dev", "0.1.1-dev"
SETTINGS = (
    head("shop")
    + """\
[packages.api]
directory = "build/api"
command = ["sh", "package.sh"]
[packages.worker]
directory = "worker"
[environments.dev]
branch = "main"
variables = { GREETING = "hello" }
health = { attempts = 2, attempts_after_rollback = 2, passes = 1, cap = 1 }
[environments.dev.image]
repository = "registry.example/shop"
[environments.dev.lambda]
timeout = 30
[environments.dev.lambda.functions.shop-dev-api]
package = "api"
handler = "src.app.handler"
health.payload = '{"path": "/healthz"}'
health.expect = { statusCode = 200, "body.version" = "{version}" }
[environments.dev.lambda.functions.shop-dev-worker]
package = "worker"
[environments.dev.lambda.functions.shop-dev-page]
image = true
health.expect = { "version" = "{version}", "built" = "{version}" }
"""
)
API = """
import json, os
def handler(event, context):
    body = {"version": os.environ["VERSION"], "greeting": os.environ["GREETING"], "asked": event.get("path")}
    return {"statusCode": STATUS, "body": json.dumps(body)}
"""
WORKER = 'def handler(event, context):\n    return {"done": len(event)}\n'
PAGE = """
import os
def handler(event, context):
    return {"version": os.environ["VERSION"], "built": os.environ["BUILT"]}
"""
DOCKERFILE = """
FROM public.ecr.aws/lambda/python:3.12
ARG VERSION
ENV BUILT=$VERSION
WORKDIR /var/task
COPY page.py .
CMD ["page.handler"]
"""
PACKAGE = "rm -rf build/api && mkdir -p build/api/src && cp app.py build/api/src/ && touch build/api/src/__init__.py\n"


@dataclass
class Place:
    root: Path
    running: Running
    shown: str = ""  # by the second deployment

    def ship(self, version: str, status: int = 200) -> str:
        """Commit a version of the api, tag it, and make an artifact of it; returns its name."""
        (self.root / "app.py").write_text(API.replace("STATUS", str(status)), "utf-8")
        git(self.root, "commit", "--quiet", "--allow-empty", "--all", "-m", f"Make {version}")
        git(self.root, "tag", "-a", version, "-m", version)
        for verb in (build, bundle, publish):
            verb(self.app(), artifact=version)
        return version

    def app(self) -> bootstrap.Wiring:
        return bootstrap.app(self.root)

    def answer(self) -> Any:
        """What a caller of the api's alias gets."""
        lambda_ = client(self.running, "lambda")
        answer = lambda_.invoke(FunctionName="shop-dev-api", Qualifier="live", Payload=b'{"path": "/"}')
        return json.loads(json.load(answer["Payload"])["body"])

    def units(self) -> Any:
        """What `status` says of each function."""
        [environment] = status(self.app(), env="dev")
        return environment.units


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox whose two functions run 0.1.1-dev, and ran 0.1.0-dev before."""
    files = {
        "tagship.toml": SETTINGS,
        "tasks.py": "from tagship.tasks import ns\n",
        ".gitignore": ".tagship\n__pycache__\nbuild\n",
        "app.py": API.replace("STATUS", "200"),
        "worker/app.py": WORKER,
        "page.py": PAGE,
        "Dockerfile": DOCKERFILE,
        "package.sh": PACKAGE,
    }
    root = repository(tmp_path_factory.mktemp("functions"), files)
    made = Place(root, start(root))
    for version in (FIRST, SECOND):
        made.ship(version)
    deploy(made.app(), artifact=FIRST)
    made.shown = inv(root, "deploy", "--version", SECOND)
    yield made
    lifecycle.down(root)


def test_a_deployment_says_what_it_did_in_the_words_of_functions(place: Place) -> None:
    assert f"{SECOND} is healthy on dev (shop-dev-api, shop-dev-worker, shop-dev-page) after " in place.shown
    assert "making and asking the new versions: 0 of 3 functions" in place.shown
    assert "host" not in place.shown
    assert place.answer() == {"version": SECOND, "greeting": "hello", "asked": "/"}


def test_an_image_function_runs_the_image_of_the_artifact_by_its_digest(place: Place) -> None:
    lambda_ = client(place.running, "lambda")
    code = lambda_.get_function(FunctionName="shop-dev-page", Qualifier="live")
    images = place.running.images(lambda _: None)
    image = images.find("registry.example/shop", SECOND)
    assert image
    assert code["Code"]["ResolvedImageUri"] == code["Code"]["ImageUri"] == image.by_digest
    assert code["Configuration"]["CodeSha256"] == image.digest.removeprefix("sha256:")
    answer = lambda_.invoke(FunctionName="shop-dev-page", Qualifier="live", Payload=b"{}")
    assert json.load(answer["Payload"]) == {"version": SECOND, "built": SECOND}


def test_the_same_again_changes_nothing(place: Place) -> None:
    lambda_ = client(place.running, "lambda")
    before = [row["Version"] for row in lambda_.list_versions_by_function(FunctionName="shop-dev-api")["Versions"]]
    assert deploy(place.app(), artifact=SECOND).state == "unchanged"
    after = [row["Version"] for row in lambda_.list_versions_by_function(FunctionName="shop-dev-api")["Versions"]]
    assert after == before


def test_a_function_in_which_nothing_changed_keeps_its_version_and_one_that_names_it_gets_another(place: Place) -> None:
    lambda_ = client(place.running, "lambda")
    numbers = {}
    for name in ("shop-dev-worker", "shop-dev-api"):
        rows = lambda_.list_versions_by_function(FunctionName=name)["Versions"]
        numbers[name] = [row["Version"] for row in rows if row["Description"].startswith(f"tagship {FIRST} ")]
        numbers[name] += [row["Version"] for row in rows if row["Description"].startswith(f"tagship {SECOND} ")]
    [kept] = numbers["shop-dev-worker"]
    assert lambda_.get_alias(FunctionName="shop-dev-worker", Name="live")["FunctionVersion"] == kept
    assert lambda_.get_alias(FunctionName="shop-dev-api", Name="live")["FunctionVersion"] == numbers["shop-dev-api"][1]
    assert [unit.runs for unit in place.units()] == [SECOND] * 3


def test_a_version_that_does_not_answer_well_never_meets_a_caller(place: Place) -> None:
    broken = place.ship("0.1.2-dev", status=500)
    with pytest.raises(DeployFailed, match="its answer has statusCode = 500, not 200") as caught:
        deploy(place.app(), artifact=broken)
    assert caught.value.state == f"{SECOND} is serving."
    assert place.answer()["version"] == SECOND


def test_a_rollback_and_what_status_and_verify_say_of_it(place: Place) -> None:
    inv(place.root, "rollback", "--to", FIRST)
    assert place.answer()["version"] == FIRST
    assert [(unit.name, unit.runs, unit.drift) for unit in place.units()] == [
        ("shop-dev-api", FIRST, ""),
        ("shop-dev-worker", FIRST, ""),
        ("shop-dev-page", FIRST, ""),
    ]
    assert len(verify(place.app(), artifact=FIRST).units) == 3
    rollback(place.app(), to=SECOND, allow_bad=True)
    assert place.answer()["version"] == SECOND


def test_an_alias_that_somebody_moved_is_drift_and_heal_moves_it_back(place: Place) -> None:
    lambda_ = client(place.running, "lambda")
    before = lambda_.get_alias(FunctionName="shop-dev-api", Name="live")["FunctionVersion"]
    versions = lambda_.list_versions_by_function(FunctionName="shop-dev-api")["Versions"]
    [other] = [row["Version"] for row in versions if f"tagship {FIRST} " in row["Description"]]
    lambda_.update_alias(FunctionName="shop-dev-api", Name="live", FunctionVersion=other)
    assert [unit.drift for unit in place.units()] == [f"the ledger says {SECOND}", "", ""]
    heal(place.app(), env="dev")
    assert lambda_.get_alias(FunctionName="shop-dev-api", Name="live")["FunctionVersion"] == before
    assert not any(unit.drift for unit in place.units())
