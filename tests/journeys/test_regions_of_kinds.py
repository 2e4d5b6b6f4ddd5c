"""Functions, services and groups in two regions of the sandbox, and in two accounts: none is seen from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tagship import bootstrap
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.journeys.test_promote import typed
from tests.sandbox.conftest import client, git, repository, start
from tests.sandbox.head import KEYS, bundle_of, head

HOME, FAR = "us-east-1", "eu-west-1"
FIRST, SECOND, BAD = "0.1.0-dev", "0.1.1-dev", "0.1.2-dev"
DEV = f"""
[environments.dev]
branch = "main"
regions = ["{HOME}", "{FAR}"]
health = {{ attempts = 2, attempts_after_rollback = 2, passes = 1, cap = 1 }}
[environments.dev.aws]
bucket = "shop-dev-{{region}}"
"""
FUNCTION = """
[packages.api]
directory = "api"
[environments.dev.lambda.functions.shop-dev-api]
package = "api"
health.expect = { statusCode = 200, version = "{version}" }
"""
SERVICE = """
[environments.dev.image]
repository = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"
[environments.dev.ecs]
cluster = "shop-dev"
timeout = 60
[environments.dev.ecs.services.shop-dev-web]
"""
GROUP = """
[environments.dev.asg]
groups = ["shop-dev-web"]
tags = { "tagship:app" = "shop", "tagship:environment" = "dev" }
command = ["python3", "app.py"]
drain = 0
timeout = 60
refresh = { timeout = 300, warmup = 1 }
"""
API = """
import os
def handler(event, context):
    return {"statusCode": STATUS, "version": os.environ.get("VERSION")}
"""
WEB = """
import http.server, os
if os.environ.get("FAULT", "FAULTY") == "yes":
    raise SystemExit(3)
class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Web).serve_forever()
"""
DOCKERFILE = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY web.py .\nCMD ["python3", "web.py"]\n'
GROUP_IN_ACCOUNT = """
[environments.{name}]
branch = "main"
health = {{ attempts = 4, attempts_after_rollback = 4, passes = 1, cap = 1 }}
[environments.{name}.aws]
account = "{account}"
bucket = "shop-{name}"
[environments.{name}.asg]
groups = ["shop-web"]
tags = {{ "tagship:app" = "shop", "tagship:environment" = "{name}" }}
command = ["python3", "app.py"]
drain = 0
timeout = 60
refresh = {{ timeout = 300, warmup = 1 }}
"""
BUNDLE = bundle_of("app.py", "page.json")
APP = (Path(__file__).parents[2] / "examples/asg/app.py").read_text("utf-8")
ACCOUNTS = {"dev": "111111111111", "prod": "333333333333"}
OWN = "123456789012"  # the sandbox's, where the settings name none
OF_ACCOUNT = """
[environments.{name}]
branch = "main"
[environments.{name}.aws]
account = "{account}"
bucket = "shop-{name}"
[environments.{name}.lambda.functions.shop-api]
package = "api"
health.expect = {{ statusCode = 200, version = "{{version}}" }}
"""


def ship(root: Path, version: str, file: str, text: str) -> str:
    (root / file).write_text(text, "utf-8")
    git(root, "commit", "--quiet", "--allow-empty", "--all", "-m", f"Make {version}")
    git(root, "tag", "-a", version, "-m", version)
    for verb in (build, bundle, publish):
        verb(bootstrap.app(root), artifact=version)
    return version


def answer(running: Running, region: str) -> Any:
    lambda_ = client(running, "lambda", region=region)
    said = lambda_.invoke(FunctionName="shop-dev-api", Qualifier="live", Payload=b"{}")
    return json.load(said["Payload"])["version"]


def versions(running: Running, region: str) -> int:
    return len(
        client(running, "lambda", region=region).list_versions_by_function(FunctionName="shop-dev-api")["Versions"]
    )


def test_functions_of_two_regions_are_changed_and_put_back_each_by_itself(tmp_path: Path) -> None:
    files = {
        "tagship.toml": head("shop") + DEV + FUNCTION,
        ".gitignore": ".tagship\n",
        "api/app.py": API.replace("STATUS", "200"),
    }
    root = repository(tmp_path / "functions", files)
    running = start(root)
    try:
        first = ship(root, FIRST, "api/app.py", API.replace("STATUS", "200"))
        shown = typed(root, "deploy", "--version", first)
        assert shown.index(f"changing {HOME}/") < shown.index(f"changing {FAR}/")
        assert [answer(running, region) for region in (HOME, FAR)] == [first] * 2
        before = versions(running, HOME)
        assert versions(running, FAR) == before

        client(running, "lambda", region=FAR).delete_function(FunctionName="shop-dev-api")
        assert answer(running, HOME) == first
        with pytest.raises(ClientError, match=f"Function not found: arn:aws:lambda:{FAR}:123456789012"):
            answer(running, FAR)
        far = client(running, "lambda", region=FAR)
        code = client(running, "lambda").get_function(FunctionName="shop-dev-api")["Configuration"]
        with pytest.raises(ClientError, match="PermanentRedirect"):  # Lambda reads a bucket of its own region alone
            far.create_function(
                FunctionName="shop-dev-api",
                Role=code["Role"],
                Runtime=code["Runtime"],
                Handler="app.handler",
                Code={"S3Bucket": f"shop-dev-{HOME}", "S3Key": _package(running, HOME)},
            )
        far.create_function(
            FunctionName="shop-dev-api",
            Role=code["Role"],
            Runtime=code["Runtime"],
            Handler="app.handler",
            Code={"S3Bucket": f"shop-dev-{FAR}", "S3Key": _package(running, FAR)},
        )
        typed(root, "heal", "--env", "dev")
        assert [answer(running, region) for region in (HOME, FAR)] == [first] * 2

        healed = versions(running, FAR)
        bad = ship(root, BAD, "api/app.py", API.replace("STATUS", "500"))
        typed(root, "deploy", "--version", bad, code=6)
        assert [answer(running, region) for region in (HOME, FAR)] == [first] * 2
        assert [versions(running, region) for region in (HOME, FAR)] == [before + 1, healed]  # the second was not asked
    finally:
        lifecycle.down(root)


def _package(running: Running, region: str) -> str:
    listed = client(running, "s3").list_objects_v2(Bucket=f"shop-dev-{region}", Prefix="shop/dev/")["Contents"]
    return next(str(row["Key"]) for row in listed if row["Key"].endswith(".zip"))


def test_services_of_two_regions_run_the_image_of_their_own_registry(tmp_path: Path) -> None:
    good = WEB.replace("FAULTY", "no")
    files = {"tagship.toml": head("shop") + DEV + SERVICE, ".gitignore": ".tagship\n"}
    files |= {"web.py": good, "Dockerfile": DOCKERFILE}
    root = repository(tmp_path / "services", files)
    running = start(root)
    try:
        first = ship(root, FIRST, "web.py", good)
        typed(root, "deploy", "--version", first)
        images = [_image(running, region) for region in (HOME, FAR)]
        assert [image.partition("/")[0] for image in images] == [
            f"123456789012.dkr.ecr.{region}.amazonaws.com" for region in (HOME, FAR)
        ]
        assert len({image.partition("@")[2] for image in images}) == 1
        second = ship(root, SECOND, "web.py", good + "# more\n")
        typed(root, "deploy", "--version", second)
        later = [_image(running, region) for region in (HOME, FAR)]
        assert len({image.partition("@")[2] for image in [*images, *later]}) == 2
        typed(root, "rollback", "--to", first)
        assert [_image(running, region) for region in (HOME, FAR)] == images
        assert client(running, "ecs", region="eu-central-1").list_clusters()["clusterArns"] == []
    finally:
        lifecycle.down(root)


def _image(running: Running, region: str) -> str:
    ecs = client(running, "ecs", region=region)
    [service] = ecs.describe_services(cluster="shop-dev", services=["shop-dev-web"])["services"]
    assert f":{region}:" in service["serviceArn"]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return str(definition["containerDefinitions"][0]["image"])


def test_functions_of_one_name_in_two_accounts_are_two(tmp_path: Path) -> None:
    more = '[packages.api]\ndirectory = "api"\n[promotion]\norder = ["dev", "prod"]\n'
    text = head("shop", more, signing=KEYS)
    text += "".join(OF_ACCOUNT.format(name=name, account=account) for name, account in ACCOUNTS.items())
    files = {"tagship.toml": text, ".gitignore": ".tagship\n", "api/app.py": API.replace("STATUS", "200")}
    root = repository(tmp_path / "accounts", files)
    running = start(root)
    try:
        first = ship(root, FIRST, "api/app.py", API.replace("STATUS", "200"))
        typed(root, "deploy", "--version", first)
        rows = {name: _latest(running, account) for name, account in ACCOUNTS.items()}
        assert rows == {"dev": first, "prod": None}
        typed(root, "tested", "--env", "dev")
        typed(root, "promote", "--from", "dev", "--to", "prod", "--yes")
        assert _latest(running, ACCOUNTS["prod"]) == first
    finally:
        lifecycle.down(root)


def _latest(running: Running, account: str) -> Any:
    lambda_ = client(running, "lambda", account=account)
    row = lambda_.get_function_configuration(FunctionName="shop-api")
    assert f":{account}:function:shop-api" in row["FunctionArn"]
    return row.get("Environment", {}).get("Variables", {}).get("VERSION")


def page(*, healthy: bool) -> str:
    return json.dumps({"greeting": "hello", "healthy": healthy})


def of_groups(tmp_path: Path, text: str) -> Path:
    files = {"tagship.toml": text, ".gitignore": ".tagship\n", "app.py": APP, "page.json": page(healthy=True)}
    return repository(tmp_path / "groups", files)


def group(running: Running, name: str, region: str = HOME, account: str = "") -> Any:
    scaling = client(running, "autoscaling", region=region, account=account)
    [row] = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    assert f":autoscaling:{region}:{account or OWN}:autoScalingGroup:" in row["AutoScalingGroupARN"]
    return row


def launched_from(running: Running, name: str, region: str = HOME, account: str = "") -> str:
    """The description of the version of the template that a group launches: whose artifact it boots."""
    number = group(running, name, region, account)["LaunchTemplate"]["Version"]
    ec2 = client(running, "ec2", region=region, account=account)
    asked = ec2.describe_launch_template_versions(LaunchTemplateName=name, Versions=[number])
    [row] = asked["LaunchTemplateVersions"]
    return str(row.get("VersionDescription", ""))


def refreshes(running: Running, name: str, region: str) -> list[str]:
    scaling = client(running, "autoscaling", region=region)
    rows = scaling.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]
    return [row["Status"] for row in rows]


def test_groups_of_two_regions_are_changed_and_put_back_each_by_itself(tmp_path: Path) -> None:
    text = head("shop", BUNDLE) + DEV.replace("attempts = 2, attempts_after_rollback = 2", "attempts = 4") + GROUP
    root = of_groups(tmp_path, text)
    running = start(root)
    try:
        first = ship(root, FIRST, "page.json", page(healthy=True))
        shown = typed(root, "deploy", "--version", first)
        assert shown.index(f"changing {HOME}/") < shown.index(f"changing {FAR}/")
        groups = [group(running, "shop-dev-web", region) for region in (HOME, FAR)]
        assert len({row["AutoScalingGroupARN"] for row in groups}) == 2
        ids = [{row["InstanceId"] for row in made["Instances"]} for made in groups]
        assert all(ids)
        assert not ids[0] & ids[1]
        for region in (HOME, FAR):
            assert launched_from(running, "shop-dev-web", region).startswith(f"tagship {first} ")
            assert refreshes(running, "shop-dev-web", region) == ["Successful"]
        elsewhere = client(running, "autoscaling", region="eu-central-1")
        assert elsewhere.describe_auto_scaling_groups()["AutoScalingGroups"] == []

        bad = ship(root, BAD, "page.json", page(healthy=False))
        typed(root, "deploy", "--version", bad, code=6)
        assert len(refreshes(running, "shop-dev-web", HOME)) > 1
        assert refreshes(running, "shop-dev-web", FAR) == ["Successful"], "the second was not asked"
        for region in (HOME, FAR):
            assert launched_from(running, "shop-dev-web", region).startswith(f"tagship {first} ")

        client(running, "autoscaling", region=FAR).delete_auto_scaling_group(
            AutoScalingGroupName="shop-dev-web", ForceDelete=True
        )
        assert group(running, "shop-dev-web")["Instances"], "the one of the same name stays"
        assert f"{FAR}/shop-dev-web" in typed(root, "status", "--check", code=9)
    finally:
        lifecycle.down(root)


def test_groups_of_one_name_in_two_accounts_are_two(tmp_path: Path) -> None:
    text = head("shop", BUNDLE, '[promotion]\norder = ["dev", "prod"]\n', signing=KEYS)
    text += "".join(GROUP_IN_ACCOUNT.format(name=name, account=account) for name, account in ACCOUNTS.items())
    root = of_groups(tmp_path, text)
    running = start(root)
    try:
        first = ship(root, FIRST, "page.json", page(healthy=True))
        typed(root, "deploy", "--version", first)
        made = {name: launched_from(running, "shop-web", account=account) for name, account in ACCOUNTS.items()}
        assert made["dev"].startswith(f"tagship {first} ")
        assert made["prod"] == ""
        typed(root, "tested", "--env", "dev")
        typed(root, "promote", "--from", "dev", "--to", "prod", "--yes")
        assert launched_from(running, "shop-web", account=ACCOUNTS["prod"]).startswith(f"tagship {first} ")
        assert f"shop-web  shop-web  {first}  as recorded" in typed(root, "status", "--env", "prod")
    finally:
        lifecycle.down(root)
