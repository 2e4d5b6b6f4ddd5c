"""resign: sign what is kept by today's key, so that it can be gone back to when the key before is taken away.

A manifest and its signature are written once. So the new signature is an object beside them, manifest.<key id>.sig, of
the very same bytes; hosts fetch it if they don't believe the manifest's own. What the key before doesn't prove is not
signed again: an artifact that a revoked key signed stays refused. What stands for orders is written again as well: the
pointer of hosts that boot, and the last reset of the fencing numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tagship.domain import commands, layout
from tagship.domain.text import counted, listed
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import signed_again, verified
from tagship.engine.fences import resign_reset
from tagship.engine.rollback_candidates import range_of
from tagship.engine.scope import one_environment
from tagship.errors import UNCHANGED, ArtifactError, NotAuthentic, SettingsError, said_to_be_done
from tagship.ports.account import Keys
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.ports.target import KeyHolder


@dataclass(frozen=True)
class Resigned:
    """What was signed again by the key `key`, and what was not.

    `signed` and `already` are artifacts, the second those that had its signature before; `orders` say what else was
    written again. `done` is false of a dry run.
    """

    environment: str
    key: str
    signed: Sequence[str]
    already: Sequence[str]
    orders: Sequence[str]
    done: bool

    def as_data(self) -> dict[str, object]:
        return asdict(self)


def resign(app: App, *, env: str = "", artifact: str = "", dry_run: bool = False) -> Resigned:
    """Sign again, by today's key, the versions to go back to.

    What runs is among them; or one `artifact`. Raises NotAuthentic, once the others are signed, if one is not believed
    today.
    """
    environment = one_environment(app, env)
    if not app.settings.signing:
        raise SettingsError(
            "tagship.toml has no [signing] table, so there is no key to sign with.",
            remedy="Name key and public_key under [signing] in tagship.toml",
        )
    keys = app.keys(environment)
    versions = [ArtifactId.parse(artifact)] if artifact else range_of(app, environment)
    refused: dict[str, str] = {}
    wanted = [version for version in versions if _lacks(app, environment, version, keys, refused)]
    signed: list[str] = []
    with said_to_be_done(lambda: f"Signed by today's keys by then: {listed(signed)}." if signed else ""):
        for version in wanted:
            app.screen.say(f"{version}: {'to be signed' if dry_run else _sign(app, environment, version, keys)}")
            signed += [] if dry_run else [str(version)]
        already = [str(version) for version in versions if version not in wanted and version not in refused]
        app.screen.say(f"signed by {keys.id} before: {listed(already) or 'none'}")
        orders = _orders(app, environment, signed, dry_run=dry_run)
    if refused:
        raise _refused(environment, refused, dry_run=dry_run)
    return Resigned(environment, keys.id, tuple(map(str, wanted)), already, orders, not dry_run)


def _lacks(app: App, environment: str, version: ArtifactId, keys: Keys, refused: dict[str, str]) -> bool:
    """Tell whether an artifact that is believed lacks today's signature."""
    try:
        stored = verified(app, environment, version)
        raw = stored.manifest.to_json()
        if not stored.signed:
            refused[version] = f"{version} is unsigned"
            return False
        if stored.manifest.signed_by == keys.id:
            return False
        return not signed_again(app, environment, version, raw, keys.id)
    except ArtifactError as reason:
        refused[version] = reason.what.rstrip(".")
        return False


def _sign(app: App, environment: str, version: ArtifactId, keys: Keys) -> str:
    """Put today's signature beside an artifact; say what was done."""
    manifest = layout.artifact(app.settings.app, environment, version, layout.MANIFEST)
    stored = app.store.get(manifest)
    raw = stored.body if stored else b""
    verified(app, environment, version)  # these bytes, and no others that came meanwhile
    signature = keys.signer.sign(raw)
    keys.verifier.verify(raw, signature, f"the manifest of {version}", keys.id)
    key = layout.artifact(app.settings.app, environment, version, layout.signature_by(keys.id))
    try:
        app.store.create(key, signature, stored.metadata if stored else {})
    except Conflict:
        signed_again(app, environment, version, raw, keys.id)
    return f"signed by {keys.id} ({layout.signature_by(keys.id)})"


def _orders(app: App, environment: str, signed: list[str], *, dry_run: bool) -> list[str]:
    """Sign again what orders stand: the last reset, and the pointer.

    Adds to `signed` what was before the last."""
    target = app.target(environment)
    done = [resign_reset(app, environment, dry_run=dry_run)]
    signed += ["the last reset of the fencing numbers"] if done[0] and not dry_run else []
    done += [target.resign(dry_run=dry_run)] if isinstance(target, KeyHolder) else []
    for sentence in filter(None, done):
        app.screen.say(sentence)
    return [sentence for sentence in done if sentence]


def _refused(environment: str, refused: dict[str, str], *, dry_run: bool) -> NotAuthentic:
    return NotAuthentic(
        f"{counted(len(refused), 'artifact')} of {environment} can't be signed again: {'; '.join(refused.values())}.",
        state=UNCHANGED if dry_run else "The others are signed by today's key.",
        remedy=f"Ship a version that can be gone back to: {commands.deploy_dev()}",
    )
