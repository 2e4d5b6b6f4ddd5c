"""After a healthy deployment: tell the hosts that are still to boot what to run."""

from __future__ import annotations

from tagship.domain import layout
from tagship.domain.ec2.pointer import Pointer
from tagship.errors import ServiceFailed
from tagship.ports.app import App
from tagship.ports.bucket import Conflict

ROUNDS = 5  # how often a lost race is run again


def point(app: App, pointer: Pointer) -> None:
    """Write the environment's pointer by compare-and-swap, unless a later deployment has.

    The deployment is healthy whatever comes of this: a bucket that fails here is warned of, and is not its failure.
    """
    try:
        if _written(app, pointer):
            return
        problem = f"it changed under each of {ROUNDS} attempts"
    except ServiceFailed as reason:
        problem = reason.what
    app.screen.warn(
        f"the pointer of {pointer.environment} could not be written ({problem}): a host that boots starts what ran "
        f"before. Write it: inv deploy --artifact {pointer.artifact} --env {pointer.environment}"
    )


def points_at(app: App, environment: str, artifact_id: str) -> bool:
    """Whether a host that boots now starts that artifact."""
    seen = app.store.get(layout.pointer(app.settings.app, environment))
    there = Pointer.from_json(seen.body) if seen else None
    return bool(there and there.artifact == artifact_id)


def _written(app: App, pointer: Pointer) -> bool:
    key = layout.pointer(pointer.app, pointer.environment)
    for _ in range(ROUNDS):
        seen = app.store.get(key)
        there = Pointer.from_json(seen.body) if seen else None
        if there and (there == pointer or not there.gives_way_to(pointer)):
            return True
        try:
            if seen:
                app.store.replace(key, pointer.to_json(), seen.etag)
            else:
                app.store.create(key, pointer.to_json())
            return True
        except Conflict:
            continue  # somebody else's, or this very one's answer was lost: read again
    return False
