"""infra.unlock: free a Terraform state that a run left locked.

The lock is deleted by tagship itself, on the ETag of the very lock that was read and shown, and not by `terraform
force-unlock`: that compares the ID and then deletes in a second request, whatever is there by then, and it wants
Terraform, the configuration and an init on the machine of whoever mends things. The conditional delete is one atomic
step: a lock that was released and taken again in between is another object, and stays.
"""

from __future__ import annotations

import contextlib

from tagship.domain import commands
from tagship.engine.scope import one_environment
from tagship.engine.statelocks import StateHolder, StoredLock, described, find, has_state, read, run_of
from tagship.errors import UNCHANGED, Held, Refused, UsageError, said_to_be_done
from tagship.ports.app import App
from tagship.ports.bucket import Conflict


def infra_unlock(app: App, *, id: str, env: str = "", run_ended: bool = False, dry_run: bool = False) -> StateHolder:
    """Free the state lock `id`.

    Refuses another's, and one whose CI run lives.
    `run_ended` is a person's word for it, where the forge cannot be asked; against the forge's own it counts nothing.
    """
    environment = one_environment(app, env)
    look = commands.infra_lock(environment)
    if not has_state(app, environment):
        raise UsageError(
            f"Terraform has no state of {environment}.",
            remedy=f"Name an environment that has one: {commands.infra_lock()}",
        )
    if not id:
        raise UsageError("No lock is named.", remedy=f"See the lock, and the command to free it: {look}")
    stored = find(app, environment)
    before = read(app, environment, stored)
    if stored is None or before.id != id:
        raise Refused(
            f"{id} is not the lock on the state of {environment}: {described(before)}.", remedy=f"Look again: {look}"
        )
    app.screen.say(described(before))
    _check_runs(app, stored, before, run_ended)
    if dry_run:
        app.screen.say(UNCHANGED)
        return before
    try:
        app.state_store(environment).delete(stored.key, stored.etag)
    except Conflict as reason:
        raise Refused(f"The lock {id} was released a moment ago.", remedy=f"Look again: {look}") from reason
    with said_to_be_done(lambda: f"The Terraform state of {environment} is free; notes of runs that ended are left."):
        _forget(app, stored)
    app.screen.say(f"the Terraform state of {environment} is free; it includes what its last run applied")
    return StateHolder(environment, "free")


def _check_runs(app: App, stored: StoredLock, held: StateHolder, run_ended: bool) -> None:
    """Refuse if a CI run that may have the lock still lives.

    The forge says whether it does, or else a person's word.
    """
    for note in stored.notes:
        state = run_of(app, note)
        if state == "lives":
            raise Held(
                f"The run that holds the state of {held.environment} is still running: {note.work.run_url}.",
                remedy=f"Let it end, or cancel it first: gh run cancel {note.work.run_id}",
            )
        if state == "unknown" and not run_ended:
            free = commands.infra_unlock(held.environment, held.id, run_ended=True)
            raise Refused(
                f"Nothing here can ask whether the run that holds the state of {held.environment} has ended.",
                remedy=f"Look at {note.work.run_url}; if it has: {free}",
            )
    if not any(note.work.run_id for note in stored.notes):
        app.screen.warn(f"no CI run is known for this lock: make sure that Terraform no longer runs on {_host(stored)}")


def _host(stored: StoredLock) -> str:
    return stored.lock.host if stored.lock and stored.lock.host else "its machine"


def _forget(app: App, stored: StoredLock) -> None:
    """Delete the notes of runs that are no more.

    One that changed meanwhile is somebody else's business.
    """
    for note in stored.notes:
        with contextlib.suppress(Conflict):
            app.store.delete(note.key, note.etag)
