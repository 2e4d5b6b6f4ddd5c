"""A repository for each kind of target: dev and prod, keys of their own for each, static sets if there can be some."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tagship.sandbox.hosts.ports import Ports
from tests.permissions.account import Account
from tests.sandbox.conftest import post, repository
from tests.sandbox.head import KEYS_AND_ORDER_KEYS, bundle_of, head
from tests.sandbox.shop import HERE

ENVIRONMENTS = ("dev", "prod")
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop"
TABLES = """\
[notify.webhooks.team]
kind = "slack"
variable = "TEAM_HOOK"
[notify.topics.oncall]
arn = "arn:aws:sns:us-east-1:123456789012:oncall"
[promotion]
order = ["dev", "prod"]
"""
SITE = """
[static.site]
directory = "public"
keep = 1
headers = [{ match = "*", cache_control = "no-cache", tags = ["site"] }]
"""
ON_SITE = """
[static.site.environments.{name}]
bucket = "shop-site-{name}"
prefix = "www/"
distribution = "DISTRIBUTION{name}"
"""
COMMON = """
[environments.{name}]
branch = "main"
change_calendar = "office-hours"
infra = {{ directory = "infra"INFRA }}
health = {{ attempts = 4, attempts_after_rollback = 2, passes = 1, cap = 1, timeout = 1 }}
"""
HOSTS = """
ec2.tags = {{ "tagship:environment" = "{name}" }}
ec2.command = ["python3", "app/app.py"]
ec2.drain = 0
ec2.timeout = 30
logs.group = "/shop/{name}"
secrets.parameter_store = "/shop/{name}/"
secrets.secrets_manager = {{ TOKEN = "shop/{name}/token" }}
"""
FUNCTIONS = """
[environments.{name}.image]
repository = "REGISTRY"
[environments.{name}.lambda.functions.shop-{name}-api]
package = "api"
health.expect = {{ statusCode = 200, version = "{{version}}" }}
[environments.{name}.lambda.functions.shop-{name}-page]
image = true
health.expect = {{ statusCode = 200 }}
"""
SERVICES = """
[environments.{name}.image]
repository = "REGISTRY"
[environments.{name}.ecs]
cluster = "shop-{name}"
timeout = 60
roles = ["shop-{name}-execution"]
[environments.{name}.ecs.services.shop-{name}-web]
health = {{ url = "http://127.0.0.1:PORT{name}/healthz" }}
[environments.{name}.hooks.before_switch]
command = ["python3", "-c", "print('migrated')"]
task.service = "shop-{name}-web"
"""
PREVIEWS = """
[previews]
remove = ["true"]
[previews.environment]
change_calendar = "office-hours"
infra = { directory = "infra", command = ["true"] }
health = { attempts = 4, attempts_after_rollback = 2, passes = 1, cap = 1, timeout = 1 }
"""
FUNCTIONS_OF_PREVIEWS = """
[previews.environment.image]
repository = "REGISTRY-previews"
[previews.environment.lambda.functions."shop-pr-{n}-api"]
package = "api"
health.expect = { statusCode = 200 }
[previews.environment.lambda.functions."shop-pr-{n}-page"]
image = true
health.expect = { statusCode = 200 }
"""
SERVICES_OF_PREVIEWS = """
[previews.environment.image]
repository = "REGISTRY-previews"
[previews.environment.ecs]
cluster = "shop-previews"
timeout = 60
roles = ["shop-previews-execution"]
[previews.environment.ecs.services."shop-pr-{n}-web"]
"""
HANDLER = """\
import os
def handler(event, context):
    return {'statusCode': 200, 'version': os.environ.get('VERSION')}
"""
OF_FUNCTION = 'FROM public.ecr.aws/lambda/python:3.12\nWORKDIR /var/task\nCOPY app.py .\nCMD ["app.handler"]\n'
OF_SERVICE = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY app/app.py app/hello.json ./\nCMD ["python3", "app.py"]\n'


@dataclass(frozen=True)
class Kind:
    """How a repository of a kind is laid out. `files`: what it has beside those that all have."""

    table: str
    files: dict[str, str]
    site: bool = False
    terraform: bool = False  # the real one, on PATH; else another tool
    head: str = ""
    previews: str = ""  # what their template runs on

    def make(self, folder: Path) -> Account:
        """The repository, its sandbox, and the account that `setup` makes in it."""
        shutil.copytree(HERE / "deploy", folder / "deploy")
        shutil.copytree(HERE / "examples/hello", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(HERE / "examples/infra", folder / "infra")
        texts = {".gitignore": ".tagship\n__pycache__\n", "public/index.html": "first\n"}
        repository(folder, {**texts, **self.files, "tagship.toml": self.settings()})
        account = Account.made(folder)
        account.client("sns").create_topic(Name="oncall")
        post(account.running, "faults", {"calendars": {"office-hours": "OPEN"}})
        for name in ENVIRONMENTS:
            account.client("ssm").put_parameter(Name=f"/shop/{name}/PASSWORD", Value="p", Type="SecureString")
            account.client("logs").create_log_group(logGroupName=f"/shop/{name}")
        return account

    def settings(self) -> str:
        ports = Ports()
        text = head("shop", TABLES, self.head, SITE if self.site else "", signing=KEYS_AND_ORDER_KEYS)
        text += PREVIEWS + self.previews if self.previews else ""
        for name in ENVIRONMENTS:
            text += (ON_SITE if self.site else "").format(name=name) + (COMMON + self.table).format(name=name)
            text = text.replace(f"PORT{name}", str(ports.free())).replace(f"DISTRIBUTION{name}", f"E2{name.upper()}")
        return text.replace("REGISTRY", REGISTRY).replace("INFRA", "" if self.terraform else ', command = ["true"]')


KINDS: dict[str, Kind] = {
    "ec2": Kind(HOSTS, {}, terraform=True, head=bundle_of("app")),
    "lambda": Kind(
        FUNCTIONS,
        {"api/app.py": HANDLER, "app.py": HANDLER, "Dockerfile": OF_FUNCTION},
        site=True,
        head='[packages.api]\ndirectory = "api"\n',
        previews=FUNCTIONS_OF_PREVIEWS,
    ),
    "ecs": Kind(SERVICES, {"Dockerfile": OF_SERVICE}, site=True, previews=SERVICES_OF_PREVIEWS),
}
