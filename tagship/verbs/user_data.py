"""`user-data`: what a launch template gives the hosts of an environment at their first boot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tagship.domain import layout
from tagship.domain.ec2 import userdata
from tagship.domain.manifest import sha256
from tagship.engine.artifacts import verified_manifest
from tagship.errors import Refused, UsageError
from tagship.ports.app import App
from tagship.settings.ec2 import Ec2

PROGRAM = "deploy/user_data.sh"
ENTRY = "deploy/host/entry.sh"


@dataclass(frozen=True)
class Rendered:
    """User data as it is given to EC2; `script` is the text of it, `raw` its bytes (compressed, where asked for)."""

    environment: str
    script: str
    raw: bytes

    def as_data(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "bytes": len(self.raw),
            "limit": userdata.LIMIT,
            "sha256": sha256(self.raw),
            "script": self.script,
        }


def user_data(
    app: App,
    *,
    env: str,
    artifact: str = "",
    compress: bool = False,
    output: str = "",
) -> Rendered:
    """Render it; written to `output` where one is named. `artifact` pins one: without it hosts follow the pointer.

    Raises Refused where it is larger than EC2 takes.
    """
    chosen = app.settings.environment(env)
    if compress and not output:
        remedy = f"Name a file: inv user-data --env {env} --compress --output user-data.gz"
        raise UsageError("Compressed user data is no text to print.", remedy=remedy)
    hosts = _hosts(app, env)
    key = _key(app, env, artifact)
    values = {
        "APP": app.settings.app,
        "ENVIRONMENT": env,
        "DEPLOYMENT_BUCKET": app.settings.aws.bucket,
        "REGION": app.settings.aws.region,
        "NEEDS": " ".join(_needs(hosts)),
        "ALLOW_UNSIGNED": "true" if chosen.allow_unsigned else "false",
        "NUMBERS": hosts.numbers(chosen.health),
    }
    program, entry = ((app.root / name).read_text("utf-8") for name in (PROGRAM, ENTRY))
    public = app.verifier.public_key() if app.settings.signing else ""
    script = userdata.render(program, entry, values=values, key=key, public_key=public)
    raw = userdata.squeezed(script) if compress else script.encode()
    _check_size(env, raw, script)
    if chosen.allow_unsigned:
        app.screen.warn(f"UNSIGNED: hosts of {env} will run what nobody signed, older bundles too (allow_unsigned)")
    if output:
        Path(output).write_bytes(raw)
        app.screen.say(f"{output}: {len(raw):,} of {userdata.LIMIT:,} bytes")
    return Rendered(env, script, raw)


def _hosts(app: App, env: str) -> Ec2:
    hosts = app.settings.environment(env).runs_on(Ec2)
    if hosts is None:
        raise UsageError(
            f"{env} does not run on hosts, and nothing else takes user data.", remedy="Name an environment that does"
        )
    return hosts


def _key(app: App, env: str, artifact: str) -> str:
    """The key that pins an artifact; raises ArtifactMissing where there is none of that id."""
    if not artifact:
        return ""
    verified_manifest(app, env, artifact)
    return layout.artifact(app.settings.app, env, artifact, layout.BUNDLE)


def _needs(hosts: Ec2) -> list[str]:
    """What a host must have beside coreutils and the AWS CLI."""
    return [*(["docker"] if hosts.runtime == "docker" else []), *(["haproxy"] if hosts.manager == "systemd" else [])]


def _check_size(env: str, raw: bytes, script: str) -> None:
    if len(raw) <= userdata.LIMIT:
        return
    fits = len(userdata.squeezed(script)) <= userdata.LIMIT
    remedy = f"Shorten {PROGRAM} or {ENTRY}: what comes after verification belongs in deploy/ec2_deploy.sh"
    if fits:
        remedy = f"Compress it, which cloud-init unpacks: inv user-data --env {env} --compress --output user-data.gz"
    raise Refused(f"The user data has {len(raw):,} bytes, and EC2 takes {userdata.LIMIT:,}.", remedy=remedy)
