"""An environment of functions on the strict Lambda of this process, and artifacts for it that nobody had to build."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagship.adapters.aws.s3 import S3Store
from tagship.adapters.aws.session import Aws
from tagship.adapters.clock import SystemClock
from tagship.adapters.targets.lambda_.target import LambdaTarget, connect
from tagship.domain import layout
from tagship.domain.change import Change
from tagship.domain.deployment import new_id
from tagship.domain.manifest import BundleRef, Manifest, PackageRef, sha256
from tagship.domain.units import Report
from tests.contract import strict_aws
from tests.fakes.app import FakeApp, settings

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
HEALTH = {"attempts": 1, "attempts_after_rollback": 1, "passes": 1}
PATIENT = {"attempts": 2, "attempts_after_rollback": 2, "passes": 1, "cap": 1}
_NUMBERS = itertools.count(1)


def zipped(text: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), text)
    return raw.getvalue()


def bundled(files: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


@dataclass
class Place(FakeApp):
    """The ports that a kind is given."""

    aws: Any = None
    region: str = ""


@dataclass
class Functions:
    """Functions by their names: each has a package of its own, made when an artifact is published."""

    app: Place
    names: Sequence[str]
    fences: Any = field(default_factory=lambda: itertools.count(1))

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
        files = self.app.settings.files()
        bundle = bundled(files)
        key = layout.artifact("hello", "dev", version, layout.BUNDLE)
        store.create(key, bundle)
        manifest = Manifest(
            "hello", "dev", version, version, "0" * 40, "dev", version, "2026-11-20T12:00:00Z", "ada@laptop",
            BundleRef(key, sha256(bundle), len(bundle), "0" * 64),
            {path: sha256(content) for path, content in files.items()},
            packages=packages,
        )  # fmt: skip
        store.create(layout.artifact("hello", "dev", version, layout.MANIFEST), manifest.to_json())
        return version, sha256(manifest.to_json())

    def artifact(self, version: str) -> tuple[str, str]:
        """The id and the manifest's SHA-256 of what was published before."""
        stored = self.app.store.get(layout.artifact("hello", "dev", version, layout.MANIFEST))
        assert stored
        return version, sha256(stored.body)

    # -- changing and asking -------------------------------------------------------------------------------------------

    def change(self, artifact: tuple[str, str], action: str = "deploy", fence: int = 0) -> Change:
        id_ = new_id(self.app.clock.now())
        return Change(action, "hello", "dev", *artifact, id_, fence or next(self.fences))  # type: ignore[arg-type]

    def carry_out(self, change: Change) -> dict[str, Report]:
        target = self.connect()
        units = target.units()
        reports = target.finish(target.start(change, units), change, units, lambda _: None)
        return {report.unit.partition("-")[0]: report for report in reports}

    def deploy(self, version: str, fault: str | Mapping[str, str] = "") -> dict[str, Report]:
        return self.carry_out(self.change(self.publish(version, fault)))

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
