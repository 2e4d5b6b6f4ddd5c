"""Names that infrastructure decides: a tool makes a function and a bucket and writes what they are called; a deployment
takes that, and status and a rollback need no tool and no file afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.errors import Refused, SettingsError
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.deploy import deploy
from tagship.verbs.infra_apply import infra_apply
from tagship.verbs.publish import publish
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tests.sandbox.conftest import client, git, repository, start
from tests.sandbox.head import head

FIRST, SECOND = "0.1.0-dev", "0.1.1-dev"
NAME, SITE = "shop-dev-8f2c", "shop-site-8f2c"
SETTINGS = (
    head("shop")
    + f"""\
[packages.api]
directory = "api"
[static.site]
directory = "public"
[static.site.environments.dev]
bucket = "{{outputs.site}}"
[environments.dev]
branch = "main"
variables = {{ QUEUE_URL = "{{outputs.queue_url}}" }}
health = {{ attempts = 2, attempts_after_rollback = 2, passes = 1, cap = 1 }}
infra = {{ directory = "infra", command = ["{sys.executable}", "make.py"], outputs = "outputs.json" }}
[environments.dev.lambda.functions."{{outputs.function}}"]
package = "api"
handler = "app.handler"
health.expect = {{ version = "{{version}}" }}
"""
)
API = """
import os
def handler(event, context):
    return {"version": os.environ["VERSION"], "queue": os.environ["QUEUE_URL"]}
"""
# What a team's tool does: it is asked again for each version, and makes what is not there yet.
MAKE = f"""
import io, json, os, zipfile
import boto3
made = boto3.client("lambda")
if not made.list_functions()["Functions"]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return None")
    made.create_function(FunctionName="{NAME}", Runtime="python3.12", Handler="app.handler", Timeout=10,
        Role="arn:aws:iam::123456789012:role/shop", Code={{"ZipFile": file.getvalue()}})
    boto3.client("s3").create_bucket(Bucket="{SITE}")
queue = "https://sqs/" + os.environ["ARTIFACT_ID"]
outputs = {{"function": "{NAME}", "site": "{SITE}", "queue_url": queue, "other": 1}}
json.dump(outputs, open("outputs.json", "w"))
"""


class Place:
    def __init__(self, root: Path, running: Running) -> None:
        self.root, self.running = root, running

    def app(self) -> bootstrap.Wiring:
        return bootstrap.app(self.root)

    def publish(self, version: str) -> str:
        (self.root / "public/index.html").write_text(version, "utf-8")
        git(self.root, "commit", "--quiet", "--all", "-m", f"Make {version}")
        git(self.root, "tag", "-a", version, "-m", version)
        for verb in (build, bundle, publish):
            verb(self.app(), artifact=version)
        return version

    def answer(self) -> dict[str, str]:
        answer = client(self.running, "lambda").invoke(FunctionName=NAME, Qualifier="live", Payload=b"{}")
        read: dict[str, str] = json.load(answer["Payload"])
        return read

    def page(self) -> str:
        body: bytes = client(self.running, "s3").get_object(Bucket=SITE, Key="index.html")["Body"].read()
        return body.decode()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    files = {
        "tagship.toml": SETTINGS,
        "tasks.py": "from tagship.tasks import ns\n",
        ".gitignore": ".tagship\n__pycache__\noutputs.json\n",
        "api/app.py": API,
        "public/index.html": "zero",
        "infra/make.py": MAKE,
    }
    root = repository(tmp_path_factory.mktemp("outputs"), files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield Place(root, start(root))
        lifecycle.down(root)


def test_a_release_goes_to_what_the_tool_made_and_status_and_a_rollback_need_no_tool(place: Place) -> None:
    version = place.publish(FIRST)
    with pytest.raises(Refused, match=r"infra-dev\.json: No such file or directory") as refused:
        deploy(place.app(), artifact=version)
    assert refused.value.remedy.endswith(f"inv infra --version {FIRST} --env dev")
    with pytest.raises(SettingsError, match=r"lambda\.functions\..*refers to the output function, which is unknown"):
        status(place.app(), env="dev")
    infra_apply(place.app(), artifact=version, env="dev")
    assert deploy(place.app(), artifact=version).state == "healthy"
    assert place.answer() == {"version": FIRST, "queue": f"https://sqs/{FIRST}"}
    assert place.page() == FIRST

    infra_apply(place.app(), artifact=place.publish(SECOND), env="dev")
    assert deploy(place.app(), artifact=SECOND).state == "healthy"
    assert place.answer() == {"version": SECOND, "queue": f"https://sqs/{SECOND}"}

    # At night, on a machine that has the repository and nothing else.
    shutil.rmtree(place.root / ".tagship/build")
    (place.root / "infra/outputs.json").unlink()
    [environment] = status(place.app(), env="dev")
    assert [(unit.name, unit.runs, unit.drift) for unit in environment.units] == [(NAME, SECOND, "")]
    rollback(place.app(), to=FIRST, env="dev", yes=True)
    assert place.answer() == {"version": FIRST, "queue": f"https://sqs/{FIRST}"}
    assert place.page() == FIRST
    [*_, last] = place.app().ledger.deployments("dev")
    assert last.outputs == {"function": NAME, "site": SITE, "queue_url": f"https://sqs/{SECOND}"}
