"""`user-data`: what new units of an environment run when they come up for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tagship.domain import commands
from tagship.domain.manifest import sha256
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import verified_manifest
from tagship.engine.pinning import to_pin
from tagship.errors import UsageError
from tagship.ports.app import App
from tagship.ports.target import FirstBoot


@dataclass(frozen=True)
class Rendered:
    """User data as it is handed over.

    `script` is the text of it, `raw` its bytes (compressed, if asked for).
    `text` is what is printed: the script, unless it was written to a file.
    """

    environment: str
    script: str
    raw: bytes
    limit: int  # bytes
    text: str = ""

    def as_data(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "bytes": len(self.raw),
            "limit": self.limit,
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
    """Render user data; write it to `output` if one is named.

    `artifact` pins one: without it units run what was committed.
    Raises Refused when it is larger than the platform takes.
    """
    chosen = app.settings.environment(env)
    if compress and not output:
        remedy = f"Name a file: {commands.user_data(env, compress=True, output='user-data.gz')}"
        raise UsageError("Compressed user data can't be printed.", remedy=remedy)
    if artifact:
        verified_manifest(app, env, ArtifactId.parse(artifact))
    script = _target(app, env).first_boot(artifact, to_pin(app, env), compress=compress)
    if chosen.allow_unsigned:
        app.screen.warn(f"UNSIGNED: new hosts of {env} will run unsigned artifacts, old bundles too (allow_unsigned)")
    if output:
        Path(output).write_bytes(script.raw)
        app.screen.say(f"{output}: {len(script.raw):,} of {script.limit:,} bytes")
    return Rendered(env, script.text, script.raw, script.limit, "" if output else script.text)


def _target(app: App, env: str) -> FirstBoot:
    target = app.target(env)
    if isinstance(target, FirstBoot):
        return target
    raise UsageError(
        f"{env} has no hosts that boot: it needs no user data.",
        remedy=f"See what it runs on, in tagship.toml under [environments.{env}]",
    )
