"""What is so when a journey begins, beside how far its version has come; and what is so once it has done its work."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tagship.domain import layout
from tagship.domain.deployment import Entry
from tagship.domain.freeze import Freeze
from tagship.domain.standing import marked_bad
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import verified
from tagship.verbs.bundle import bundle
from tagship.verbs.mark_bad import mark_bad
from tagship.verbs.publish import publish
from tagship.verbs.tested import tested
from tests.faults.ground import APP, TTL, Environment
from tests.sandbox.conftest import git

APPLIED = Path("infra") / "applied"  # what the infrastructure's command leaves


# -- freezes -----------------------------------------------------------------------------------------------------------


def thawed(here: Environment) -> None:
    seen = here.app.freezes.look(here.name)
    if seen:
        here.app.freezes.remove(seen)


def frozen(here: Environment) -> None:
    thawed(here)
    now = here.app.freezes.now()
    until = (now + timedelta(hours=8)).isoformat(timespec="seconds")
    here.app.freezes.write(Freeze(here.name, until, "sale", here.app.who, now.isoformat(timespec="seconds")), "")


def is_frozen(here: Environment) -> bool:
    """Frozen, as was wanted: what comes next may deploy again."""
    seen = here.app.freezes.look(here.name)
    thawed(here)
    return bool(seen and seen.active)


def is_thawed(here: Environment) -> bool:
    return here.app.freezes.look(here.name) is None


# -- leases ------------------------------------------------------------------------------------------------------------


def held(here: Environment) -> None:
    """Somebody's deployment holds the environment, and sends no heartbeat."""
    here.dead = here.app.leases.take(here.name, holder="bob@laptop", run_url="", ttl=TTL).deployment_id


def free(here: Environment) -> None:
    """Nobody holds the environment, and nobody has died holding it."""
    seen = here.app.leases.look(here.name)
    if seen and seen.record.holder:
        here.app.leases.release(seen.record)


def is_free(here: Environment) -> bool:
    seen = here.app.leases.look(here.name)
    return seen is None or seen.record.deployment_id != here.dead


# -- deployments -------------------------------------------------------------------------------------------------------


def lagging(here: Environment) -> None:
    """The ledger has a healthy deployment of the new version, and the host still runs the old one."""
    _healthy(here, here.name, here.new, replaced=here.old)


def promotable(here: Environment) -> None:
    """The new version is in the environment before, was healthy there by the ledger, and passed its tests.

    It is named as that one's versions are. Something was deployed there before it, as in every later case.
    """
    if not here.app.ledger.deployments(here.source, 1):
        _healthy(here, here.source, f"0.0.1-{here.source}")
        time.sleep(1.1)  # seconds: what is published now was published after that, by S3's clock of whole seconds
    here.new = here.new.replace(f"-{here.name}", f"-{here.source}")
    git(here.work, "tag", "-a", here.new, "-m", here.new)
    bundle(here.app, artifact=here.new, env=here.source)
    publish(here.app, artifact=here.new, env=here.source)
    _healthy(here, here.source, here.new)
    tested(here.app, artifact=here.new, env=here.source)


def is_promoted(here: Environment) -> bool:
    """The bytes are those of the environment before, and the manifest names the one that was believed there."""
    bundles = [
        here.app.store.head(layout.artifact(APP, name, here.new, layout.BUNDLE)) for name in (here.source, here.name)
    ]
    came = verified(here.app, here.source, ArtifactId.parse(here.new))
    gone = verified(here.app, here.name, ArtifactId.parse(here.new)).manifest
    same = len({head.sha256 for head in bundles if head}) == 1 and all(bundles)
    return bool(same and gone.promoted and gone.promoted.manifest_sha256 == came.manifest_sha256)


def _healthy(here: Environment, environment: str, version: str, replaced: str = "") -> None:
    """The ledger says that a version is healthy in an environment."""
    app, before = here.app, here.app.ledger.deployments(environment, 1)
    above = before[-1].last.fence if before else 0
    lease = app.leases.take(environment, holder="bob@laptop", run_url="", ttl=TTL, above=above)
    app.ledger.append(
        Entry(
            deployment_id=lease.deployment_id,
            number=1,
            state="healthy",
            at=app.store.now().isoformat(timespec="milliseconds"),
            app=APP,
            environment=environment,
            action="deploy",
            artifact_id=version,
            who="bob@laptop",
            where="",
            replaced=replaced,
            fence=lease.fence,
            reason="",
            details={},
        )
    )
    app.leases.release(lease)


def orphaned(here: Environment) -> None:
    """A deployment whose runner was killed once the host's command was known, and whose lease has expired."""
    with TemporaryDirectory() as folder:
        fault = {"call": "s3 PutObject _ledger/<env>/<id>/2-started.json", "kind": "killed after"}
        (Path(folder) / "fault.json").write_text(json.dumps(fault))
        ran = here.inv(["deploy", "--artifact", here.new], Path(folder))
    if ran.code != -9:
        raise AssertionError(f"it was not killed: {ran}")
    here.quiet()  # what the host does of the dead one's command is not the next one's doing
    seen = here.app.leases.look(here.name)
    if seen:
        here.app.leases.let_go(seen.record)


# -- tags, marks, infrastructure ---------------------------------------------------------------------------------------


def tagged(here: Environment) -> None:
    """A tag of one's own, by the name that the practice clone has."""
    ran = here.type(f"git tag --annotate --message mine {here.new} && git push --quiet origin refs/tags/{here.new}")
    if ran.code:
        raise AssertionError(f"it was not tagged: {ran}")


def is_tagged(here: Environment) -> bool:
    return bool(git(here.work, "tag", "--list", here.new)) and not git(here.work, "ls-remote", "origin", here.new)


def is_untagged(here: Environment) -> bool:
    return not git(here.work, "tag", "--list", here.new) and not git(here.work, "ls-remote", "origin", here.new)


def _bad(here: Environment) -> bool:
    ledger = here.app.ledger
    return here.new in marked_bad(ledger.deployments(here.name), ledger.marks(here.name))


def is_bad(here: Environment) -> bool:
    return _bad(here)


def is_good(here: Environment) -> bool:
    return not _bad(here)


def marked(here: Environment) -> None:
    mark_bad(here.app, version=here.new, reason="broken")


def unapplied(here: Environment) -> None:
    (here.work / APPLIED).unlink(missing_ok=True)


def is_applied(here: Environment) -> bool:
    return (here.work / APPLIED).exists()
