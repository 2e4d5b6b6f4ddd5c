"""After a healthy deployment, record what hosts that boot later must run."""

from __future__ import annotations

from collections.abc import Callable

from tagship.domain import commands, layout
from tagship.domain.ec2.pointer import Pointer
from tagship.errors import ServiceFailed
from tagship.ports.bucket import Conflict, Store

ROUNDS = 5  # how often a lost race is run again


def point(store: Store, pointer: Pointer, warn: Callable[[str], None]) -> None:
    """Write the environment's pointer by compare-and-swap, unless a later deployment has.

    The deployment stays healthy either way: if the bucket fails here, this only warns.
    """
    try:
        if _written(store, pointer):
            return
        problem = f"it changed under each of {ROUNDS} attempts"
    except ServiceFailed as reason:
        problem = reason.what
    warn(
        f"the pointer of {pointer.environment} could not be written ({problem}): a host that boots starts what ran "
        f"before. Write it: {commands.deploy(pointer.artifact, pointer.environment)}"
    )


def points_at(store: Store, app: str, environment: str, artifact_id: str) -> bool:
    """Tell whether a host that boots now starts that artifact."""
    stored = store.get(layout.pointer(app, environment))
    pointer = Pointer.from_json(stored.body) if stored else None
    return bool(pointer and pointer.artifact == artifact_id)


def _written(store: Store, pointer: Pointer) -> bool:
    key = layout.pointer(pointer.app, pointer.environment)
    for _ in range(ROUNDS):
        stored = store.get(key)
        before = Pointer.from_json(stored.body) if stored else None
        if before and (before == pointer or not before.gives_way_to(pointer)):
            return True
        try:
            if stored:
                store.replace(key, pointer.to_json(), stored.etag)
            else:
                store.create(key, pointer.to_json())
            return True
        except Conflict:
            continue  # another deployment's write, or this one's answer was lost: read again
    return False
