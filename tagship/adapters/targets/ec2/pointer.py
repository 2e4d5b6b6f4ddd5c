"""After a healthy deployment, record what hosts that boot later must run; and tell whether that stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tagship.domain import commands, layout
from tagship.domain.ec2.pointer import Pointer
from tagship.domain.fence import is_plausible
from tagship.domain.keys import ORDERS
from tagship.domain.sealed import opened, seal
from tagship.domain.text import moment
from tagship.errors import NotAuthentic, ServiceFailed, TagshipError
from tagship.ports.account import Keys
from tagship.ports.app import App
from tagship.ports.bucket import Conflict, Object

ROUNDS = 5  # how often a lost race is run again


@dataclass(frozen=True)
class StoredPointer:
    """The pointer of one environment, in the bucket."""

    context: App
    environment: str

    @property
    def key(self) -> str:
        return layout.pointer(self.context.settings.app, self.environment)

    def point(self, to: Pointer) -> None:
        """Write the pointer by compare-and-swap, unless a later deployment has.

        What is there and was not written by a deployment is named, and written over. The deployment stays healthy
        either way: if the bucket or the key fails here, this only warns.
        """
        if problem := self._why_unwritten(to):
            self.context.screen.warn(
                f"the pointer of {self.environment} could not be written ({problem}): a host that boots starts what "
                f"ran before. Write it: {commands.deploy(to.artifact, self.environment)}"
            )

    def resign(self, *, dry_run: bool) -> str:
        """Sign the pointer by today's key, if another did; say so.

        Raises NotAuthentic if no key that counts has signed it, ServiceFailed if it can't be written.
        """
        stored = self.context.store.get(self.key)
        pointer = self._believed(stored) if stored else None
        if stored is None or pointer is None or pointer.key == self._keys.id:
            return ""
        if not dry_run and (problem := self._why_unwritten(pointer)):
            raise ServiceFailed(
                f"The pointer of {self.environment} could not be signed again ({problem}).",
                state=f"It may still be signed by {pointer.key}: keep that key, or hosts that boot start nothing.",
                remedy=f"Run it again: {commands.resign(self.environment)}",
            )
        return f"the pointer to {pointer.artifact}: {'to be ' if dry_run else ''}signed by {self._keys.id}"

    def named(self) -> list[str]:
        """List what the pointer names; nothing if it is not there.

        Raises NotAuthentic if it can't be believed.
        """
        stored = self.context.store.get(self.key)
        return [self._believed(stored).artifact] if stored else []

    def uncommitted(self, artifact_id: str) -> str:
        """Say why hosts that boot won't run that artifact."""
        # Empty if they will.
        stored = self.context.store.get(self.key)
        if stored is None:
            return f"the pointer of {self.environment} is not there: hosts that boot start nothing"
        try:
            pointer = self._believed(stored)
        except NotAuthentic as reason:
            return f"{reason.what} Hosts that boot start nothing"
        if pointer.artifact == artifact_id:
            return ""
        return f"the pointer of {self.environment} names {pointer.artifact}: hosts that boot start that"

    def _believed(self, stored: Object) -> Pointer:
        """Read a pointer as a host does. Raises NotAuthentic."""
        context, where = self.context, f"the pointer of {self.environment}"
        unsigned = context.settings.environment(self.environment).allow_unsigned
        again = commands.status(self.environment)
        values = opened(stored.body, lambda: self._keys.verifier, where, unsigned=unsigned, again=again)
        pointer = Pointer.of(values)
        if pointer is None or (pointer.app, pointer.environment) != (context.settings.app, self.environment):
            raise NotAuthentic(
                f"The pointer of {self.environment} is not one of this environment.", remedy=f"Look what runs: {again}"
            )
        if pointer.replayed(stored.modified):
            put = moment(stored.modified.isoformat())
            raise NotAuthentic(
                f"The pointer of {self.environment} is an old one that names {pointer.artifact}: it was issued "
                f"{moment(pointer.issued)} UTC, and put there {put} UTC.",
                remedy=f"Look what runs: {again}",
            )
        return pointer

    def _why_unwritten(self, to: Pointer) -> str:
        """Write it; say why it could not be, empty if it was."""
        try:
            return "" if self._written(to) else f"it changed under each of {ROUNDS} attempts"
        except TagshipError as reason:
            return reason.what.rstrip(".")

    def _written(self, to: Pointer) -> bool:
        store, warned = self.context.store, False
        to = replace(to, key=self._keys.id if self.context.settings.signing else "")
        for _ in range(ROUNDS):
            stored = store.get(self.key)
            if stored and self._stands(stored, to, quiet=warned):
                return True
            warned = True
            raw = self._sealed(to.at(stored.now if stored else store.now()))
            try:
                if stored:
                    store.replace(self.key, raw, stored.etag)
                else:
                    store.create(self.key, raw)
                return True
            except Conflict:
                continue  # another deployment's write, or this one's answer was lost: read again
        return False

    def _stands(self, stored: Object, to: Pointer, *, quiet: bool) -> bool:
        """Tell whether what is there stays.

        It says the same, or a later deployment wrote it.
        """
        try:
            before = self._believed(stored)
        except NotAuthentic as reason:
            if not quiet:
                self._warn_of(reason.what, to)
            return False
        return (before.says_as(to) and before.key == to.key) or (
            before.fence > to.fence and is_plausible(before.fence, to.fence)
        )

    def _warn_of(self, problem: str, to: Pointer) -> None:
        self.context.screen.warn(
            f"{problem} No deployment wrote that: hosts that booted since may have started something else, or "
            f"nothing. It is rewritten to name {to.artifact}; look at the hosts: "
            f"{commands.status(self.environment)}"
        )

    def _sealed(self, pointer: Pointer) -> bytes:
        """Sign it, where the settings name a key."""
        return seal(pointer.as_data(), self._keys.signer.sign if pointer.key else None)

    @property
    def _keys(self) -> Keys:
        return self.context.keys(self.environment, ORDERS)
