"""An environment of functions on the strict Lambda of this process, and artifacts for it that nobody had to build."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.clock import SystemClock
from tagship.adapters.targets.lambda_.target import LambdaTarget, connect
from tagship.domain import layout
from tagship.domain.manifest import PackageRef, sha256
from tests.contract import strict_aws
from tests.contract.place import HEALTH, Deployable, Place
from tests.fakes.app import settings

HANDLER = """
import json, os, time
def handler(event, context):
    fault = {fault!r}
    print("asked", event, "with", fault)
    if fault == "slow":
        time.sleep(0.3)
    if fault == "error":
        raise RuntimeError("it is broken")
    version = "0.0.0-impostor" if fault == "impostor" else os.environ["VERSION"]
    return {{"statusCode": 200, "body": json.dumps({{"version": version, "greeting": os.environ.get("GREETING")}})}}
"""
PLACEHOLDER = "def handler(event, context): return {'statusCode': 200, 'body': '{}'}"
EXPECT = {"statusCode": 200, "body.version": "{version}"}
PATIENT = {"attempts": 2, "attempts_after_rollback": 2, "passes": 1, "cap": 1}
_NUMBERS = itertools.count(1)


def zipped(text: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), text)
    return raw.getvalue()


@dataclass
class Functions(Deployable):
    """Functions by their names: each has a package of its own, made when an artifact is published."""

    names: Sequence[str]

    @classmethod
    def made(
        cls, short: Sequence[str], alias: str = "live", more: Mapping[str, Any] | None = None, **changes: Any
    ) -> Functions:
        number = next(_NUMBERS)
        names = [f"{name}-{number}" for name in short]
        table = {
            name: {"package": name.partition("-")[0], "health": {"expect": EXPECT}, "handler": "app.handler"}
            for name in names
        }
        dev = {
            "branch": "dev",
            "health": HEALTH,
            "lambda": {"functions": table, "timeout": 20, "alias": alias, **(more or {})},
            **changes,
        }
        packages = {name: {"directory": f"build/{name}"} for name in short}
        aws, bucket = strict_aws.aws(), strict_aws.bucket(f"functions-{number}")
        chosen = settings(environments={"dev": dev}, packages=packages, aws={"bucket": bucket})
        app = Place(settings=chosen, aws=aws, store=S3Store(aws, bucket))  # type: ignore[arg-type]
        app.clock = SystemClock()  # type: ignore[assignment]
        place = cls(app, names)
        switch(update=0, throttled=0, lost=0, failed_updates=0)
        for name in names:
            place.client.create_function(
                FunctionName=name,
                Runtime="python3.12",
                Handler="app.handler",
                Role="arn:aws:iam::123456789012:role/hello",
                Code={"ZipFile": zipped(PLACEHOLDER)},
                Environment={"Variables": {"TABLE": "of-infrastructure"}},
            )
        return place

    @property
    def client(self) -> Any:
        aws: Aws = self.app.aws
        return aws.once("lambda")

    def connect(self) -> LambdaTarget:
        return connect(self.app, "dev")

    def remove(self) -> None:
        for name in self.names:
            self.client.delete_function(FunctionName=name)

    # -- artifacts -----------------------------------------------------------------------------------------------------

    def publish(self, version: str, fault: str | Mapping[str, str] = "") -> tuple[str, str]:
        """Store an artifact; a fault may be of one package alone. Returns its id and its manifest's SHA-256."""
        store, packages = self.app.store, {}
        for name in self.app.settings.packages:
            broken = fault if isinstance(fault, str) else fault.get(name, "")
            raw = zipped(HANDLER.format(fault=broken) + f"# {version}\n")
            key = layout.artifact("hello", "dev", version, layout.package(name))
            store.create(key, raw)
            packages[name] = PackageRef(key, sha256(raw), len(raw))
        return self.store(version, packages=packages)

    # -- asking --------------------------------------------------------------------------------------------------------

    def short(self, unit: str) -> str:
        return unit.partition("-")[0]

    def answer(self, name: str, qualifier: str = "") -> Any:
        """What a caller gets: of a function's alias, or of the function if it has none."""
        qualifier = qualifier or self.connect().table.alias or "$LATEST"
        answer = self.client.invoke(FunctionName=name, Qualifier=qualifier, Payload=b"{}")
        return json.loads(json.load(answer["Payload"])["body"])

    def serving(self) -> list[str]:
        return [str(self.answer(name).get("version", "")) for name in self.names]


def switch(**asked: Any) -> None:
    """Have the strict Lambda misbehave."""
    strict_aws.world().switch({"lambda": asked})
