"""An EC2 host of the app hello: a machine with the pinned key and an `aws` that answers. SSM's part is played."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagship.domain.ec2.order import Order
from tagship.domain.manifest import ImageRef
from tagship.domain.secrets import SecretRef
from tests.host.engine import Engine
from tests.host.ground import Ground
from tests.host.machine import Machine
from tests.host.registry import HOST, PASSWORD, Registry
from tests.sandbox.bundles import ROOT, Bundle, make, public_pem, release_key, settings
from tests.sandbox.machine import Answer, commands

PORT = 8080
BUCKET = "hello-artifacts"
AWS = """\
#!/bin/sh
# Stands in for the AWS CLI on a host: S3 out of a folder, ECR's password out of a file.
case "$1 $2" in
"s3 cp")
  from="/srv/aws/s3/${3#s3://}"
  [ -f "$from" ] && exec cp "$from" "$4"
  echo "fatal error: An error occurred (404) when calling the HeadObject operation: Key \"$3\" does not exist" >&2
  exit 1
  ;;
"ecr get-login-password") exec cat /srv/aws/ecr-password ;;
"ssm get-parameters") exec cat /srv/aws/parameters.json ;;
esac
echo "aws: not played here: $*" >&2
exit 2
"""
REPOSITORY = f"{HOST}/team/hello"
# Everything that a deployment leaves on a host, and Docker's images.
RESET = """\
systemctl kill --signal=KILL 'hello@*' 2>/dev/null
systemctl stop hello-job.timer 'hello@*' hello-proxy hello-boot 2>/dev/null
systemctl disable --quiet hello-boot 2>/dev/null
umount --lazy /opt/hello/output 2>/dev/null
rm -rf /etc/systemd/system/hello* /etc/systemd/system/opt-hello* /etc/systemd/system/*.wants/hello* /opt/hello
systemctl daemon-reload
systemctl reset-failed
userdel app-hello 2>/dev/null
systemctl start docker
docker ps --all --quiet | xargs -r docker rm --force
docker images --quiet --no-trunc | sort -u | xargs -r docker rmi --force
true
"""


class Host:
    """Fencing numbers and deployment ids go up by themselves unless a test says otherwise."""

    def __init__(self, ground: Ground, registry: Registry, name: str) -> None:
        self.machine = Machine(ground, registry, name, self._furnish)
        self.count = 0
        self.numbers = ""  # of the settings today: those that the last bundle was made by
        self.aws.mkdir(parents=True)
        (self.aws / "s3").mkdir()
        (self.aws / "ecr-password").write_text(PASSWORD)

    @property
    def aws(self) -> Path:
        return self.machine.folder / "aws"

    def up(self) -> Host:
        self.machine.up({"/srv/aws": self.aws})
        return self

    def reset(self) -> None:
        """Back to a host on which nothing was ever deployed; the bucket is empty, and ECR's password is right."""
        self.machine.check(RESET)
        shutil.rmtree(self.aws / "s3")
        (self.aws / "s3").mkdir()
        (self.aws / "ecr-password").write_text(PASSWORD)

    def order(self, action: str, bundle: Bundle | None, **changes: Any) -> Order:
        self.count += 1
        self.numbers = bundle.numbers if bundle else self.numbers
        order = Order(
            action,
            "hello",
            "dev",
            bundle.artifact if bundle else "",
            bundle.manifest_sha256 if bundle else "",
            f"20261120-155301-123456-{self.count:06x}" if bundle else "",
            self.count,
            BUCKET,
            "us-east-1",
            numbers=self.numbers,
        )
        return dataclasses.replace(order, **changes)

    def script(self, order: Order) -> str:
        """What the agent gives to `sh`."""
        return "\n".join(commands(order)) + "\n"

    def run(self, order: Order, env: Mapping[str, str] | None = None) -> Answer:
        began = time.monotonic()
        done = self.machine.run(self.script(order), env, timeout=120)
        return Answer(done.code, done.out, done.err, time.monotonic() - began)

    def deploy(self, bundle: Bundle, env: Mapping[str, str] | None = None, **changes: Any) -> Answer:
        return self.run(self.order("deploy", bundle, **changes), env)

    def rollback(self, bundle: Bundle, env: Mapping[str, str] | None = None, **changes: Any) -> Answer:
        return self.run(self.order("rollback", bundle, **changes), env)

    def status(self) -> Answer:
        return self.run(self.order("status", None, fence=0))

    def publish(self, bundle: Bundle) -> Bundle:
        """Put the artifact where this host's `aws` finds it."""
        bundle.put(self.aws / "s3" / BUCKET)
        return bundle

    def answers(self, port: int = PORT) -> str:
        """The version that answers on a port, asked from outside of the host; empty when none does."""
        try:
            with urllib.request.urlopen(f"http://{self.machine.address}:{port}/healthz", timeout=5) as answer:
                return str(json.load(answer)["version"])
        except (OSError, ValueError):
            return ""

    def journal(self) -> list[str]:
        lines = self.machine.check("cat /opt/hello/journal.jsonl").splitlines()
        return [json.loads(line)["step"] for line in lines]

    def state(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.machine.check("cat /opt/hello/state.json"))
        return value

    def _furnish(self, root: Path) -> None:
        pinned = root / "etc/tagship/hello"
        pinned.mkdir(parents=True)
        (pinned / "release.pub.pem").write_bytes(public_pem(release_key()))
        self.play_aws(AWS)

    def play_aws(self, text: str) -> None:
        """Have that program be the `aws` of this host. (The machine's own may be there, and may be a link.)"""
        program = self.machine.root / "usr/local/bin/aws"
        program.unlink(missing_ok=True)
        program.write_text(text)
        program.chmod(0o755)


class Shop:
    """Makes artifacts of hello for hosts with systemd: images in the registry, and signed bundles."""

    def __init__(self, engine: Engine, base: str) -> None:
        self.engine, self.base = engine, base

    def image(self, version: str, hello: Mapping[str, object], code: str = "") -> ImageRef:
        context = self.engine.machine.folder / "context" / version
        shutil.copytree(ROOT / "examples/hello", context, dirs_exist_ok=True)
        (context / "hello.json").write_text(json.dumps({"healthy": True, "greeting": "hello", **hello}))
        app = context / "app.py"
        app.write_text(app.read_text().replace("CONFIG =", f"{code}\nCONFIG =", 1))
        name = f"{REPOSITORY}:{version}"
        self.engine.docker(
            "build",
            "--quiet",
            "--build-arg",
            f"BASE={self.base}",
            "--build-arg",
            f"VERSION={version}",
            "--tag",
            name,
            str(context),
        )
        self.engine.docker("push", "--quiet", name)
        return ImageRef(REPOSITORY, version, self.engine.digest(name))

    def docker(
        self,
        version: str,
        hello: Mapping[str, object] | None = None,
        *,
        code: str = "",
        image: ImageRef | None = None,
        more: Mapping[str, bytes] | None = None,
        secrets: Mapping[str, SecretRef] | None = None,
        **environment: object,
    ) -> Bundle:
        """An artifact whose image (its own, unless one is given) runs as a container; `code` is in it, `more` files in
        its bundle."""
        image = image or self.image(version, hello or {}, code)
        chosen = {"image": {"repository": REPOSITORY}, "runtime": "docker", "manager": "systemd", **environment}
        return make(
            version, using=settings(**chosen), more={**_units(), **(more or {})}, image=image, secrets=secrets or {}
        )  # type: ignore[arg-type]

    def process(
        self,
        version: str,
        hello: Mapping[str, object] | None = None,
        *,
        code: str = "",
        secrets: Mapping[str, SecretRef] | None = None,
        **environment: object,
    ) -> Bundle:
        """An artifact whose bundle carries the app; `code` runs before it."""
        command = ["/usr/bin/python3", "first.py", "examples/hello/app.py"]
        chosen = {"manager": "systemd", "command": command, **environment}
        first = f"import os, runpy, sys\n{code}\nrunpy.run_path(sys.argv[1], run_name='__main__')\n".encode()
        files = {**_units(), "first.py": first}
        return make(version, hello or {}, using=settings(**chosen), more=files, secrets=secrets or {})  # type: ignore[arg-type]


def _units() -> dict[str, bytes]:
    return {str(path.relative_to(ROOT)): path.read_bytes() for path in sorted((ROOT / "deploy/systemd").iterdir())}
