"""What a host runs when it boots for the first time: the user data of its launch template."""

from __future__ import annotations

from tagship import resources
from tagship.domain import commands, layout
from tagship.domain.ec2 import userdata
from tagship.errors import Refused
from tagship.ports.app import App
from tagship.ports.target import Pins, Script
from tagship.settings.ec2 import Hosts

PROGRAM = "deploy/user_data.sh"
ENTRY = "deploy/host/entry.sh"
HOST_PROGRAM = "deploy/ec2_deploy.sh"  # from every bundle


def script(app: App, ec2: Hosts, environment: str, artifact_id: str, pins: Pins, *, compress: bool) -> Script:
    """Render the user data. Raises Refused if EC2 does not take it.

    `artifact_id` pins one artifact; empty: the pointer decides.
    """
    settings, chosen = app.settings, app.settings.environment(environment)
    values = {
        "APP": settings.app,
        "ENVIRONMENT": environment,
        "DEPLOYMENT_BUCKET": settings.aws.bucket,
        "REGION": settings.aws.region,
        "NEEDS": " ".join(_needs(ec2)),
        "ALLOW_UNSIGNED": "true" if chosen.allow_unsigned else "false",
        "NUMBERS": ec2.numbers(chosen.health),
        "REVOKED": " ".join(pins.revoked),
        "ATTESTED": "true" if pins.attested else "false",
    }
    program = resources.text(app.root, PROGRAM)
    key = layout.artifact(settings.app, environment, artifact_id, layout.BUNDLE) if artifact_id else ""
    text = userdata.render(program, entry(app), values=values, key=key, keys=pins.keys)
    raw = userdata.squeezed(text) if compress else text.encode()
    _check_size(environment, raw, text)
    return Script(text, raw, userdata.LIMIT)


def entry(app: App) -> str:
    """Read stage 1 of the host program."""
    return resources.text(app.root, ENTRY)


def _needs(ec2: Hosts) -> list[str]:
    """List what a host must have beside coreutils and the AWS CLI."""
    return [*(["docker"] if ec2.runtime == "docker" else []), *(["haproxy"] if ec2.manager == "systemd" else [])]


def _check_size(environment: str, raw: bytes, text: str) -> None:
    if len(raw) <= userdata.LIMIT:
        return
    fits = len(userdata.squeezed(text)) <= userdata.LIMIT
    remedy = f"Shorten {PROGRAM} or {ENTRY}: what comes after verification belongs in {HOST_PROGRAM}"
    if fits:
        smaller = commands.user_data(environment, compress=True, output="user-data.gz")
        remedy = f"Compress it; cloud-init unpacks it: {smaller}"
    raise Refused(f"The user data has {len(raw):,} bytes, and EC2 takes {userdata.LIMIT:,}.", remedy=remedy)
