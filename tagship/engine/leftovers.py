"""Delete what deployments left beside artifacts that are gone: versions of functions, task definitions, images.

It comes after the sweep of the bucket: what an artifact needs is there for as long as its manifest is, and a deployment
needs the manifest. What is in use is asked once before, so that its artifact stays, and once more under the lease.
A crash leaves what was not deleted yet, and the next run judges that as this one did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tagship.domain import commands, layout
from tagship.domain.image import in_region
from tagship.domain.leftovers import Judged, Leftover, Rule, artifacts_in_use
from tagship.domain.manifest import Manifest
from tagship.domain.retention import Retention, Use
from tagship.domain.text import counted, plural
from tagship.engine.undisturbed import undisturbed
from tagship.errors import NotAuthentic, Refused, ServiceFailed, TagshipError
from tagship.ports.app import App
from tagship.ports.leftovers import Shelf, Shelved
from tagship.ports.people import Progress

BATCH = 20  # leftovers between two renewals of the lease: ECS takes one deregistration a second
AT_ONCE = 16  # manifests that are read


@dataclass(frozen=True)
class Inventory:
    """A shelf, what is there, and what of it is in use."""

    shelf: Shelf
    leftovers: Sequence[Leftover]
    used: Mapping[str, str]


def look(app: App, environment: str) -> list[Inventory]:
    """Look at what is left of an environment's deployments.

    Raises Refused if that, or what uses it, can't be read: then nothing may go.
    """
    target = app.target(environment)
    if not isinstance(target, Shelved):
        return []
    try:
        shelves = [(shelf, shelf.look()) for shelf in target.shelves()]
        return [Inventory(shelf, leftovers, shelf.used(leftovers)) for shelf, leftovers in shelves]
    except ServiceFailed as reason:
        raise _unread(environment, reason) from reason


def held_by_them(looked: Sequence[Inventory]) -> dict[str, str]:
    """Map artifacts to what on AWS uses something of them."""
    reasons: dict[str, str] = {}
    for inventory in looked:
        reasons = artifacts_in_use(inventory.leftovers, inventory.used) | reasons
    return reasons


@dataclass
class Tidying:
    """One cleaning of what is left of an environment's deployments.

    `staying` maps the environment's artifacts that stay to the reason. `seen` is called with each leftover's shelf and
    judgement. `needed` maps what other environments need to the reason, stored or not; `going` is what a dry run would
    have deleted there by now.
    """

    app: App
    environment: str
    use: Use
    retention: Retention
    staying: Mapping[str, str]
    phase: Progress
    seen: Callable[[Shelf, Judged], None] = lambda *_: None
    needed: Mapping[str, str] = field(default_factory=dict)
    going: Mapping[str, Collection[str]] = field(default_factory=dict)
    deleted: int = field(default=0, init=False)  # leftovers
    _elsewhere: dict[str, str] | None = field(default=None, init=False)
    _named: dict[str, str] | None = field(default=None, init=False)  # digests of code and images

    def run(self, looked: Sequence[Inventory], *, dry_run: bool) -> None:
        """Judge every leftover; delete those that go.

        Raises Refused if a repository of images can't be read, Held if somebody took the environment, ServiceFailed if
        something could not be deleted. Running it again goes on from there.
        """
        named: dict[str, str] = {}
        for inventory in looked:
            judged = self._judged(inventory, inventory.used)
            if any(row.verdict.goes and row.leftover.code for row in judged):
                judged = self._judged(inventory, {**self._with_kept_code(inventory), **inventory.used})
            for row in judged:
                if not row.verdict.goes:
                    named |= dict.fromkeys(row.leftover.images, f"{row.leftover.name} names it")
            self._finish(inventory.shelf, judged, dry_run=dry_run)
        for repository in self._repositories():
            self._images(repository, named, dry_run=dry_run)

    def _finish(self, shelf: Shelf, judged: Sequence[Judged], *, dry_run: bool) -> None:
        for row in judged:
            self.seen(shelf, row)
        doomed = [row for row in judged if row.verdict.goes]
        if doomed and not dry_run:
            self._delete(shelf, [row.leftover for row in doomed])

    # -- judging -------------------------------------------------------------------------------------------------------

    def _judged(self, inventory: Inventory, used: Mapping[str, str]) -> list[Judged]:
        policy, now = self.retention.policy, self.retention.now
        staying = {**self._others(), **self.needed, **self.staying, **self.retention.kept}
        return Rule(staying, used, policy, now, self.use.hold).judge(inventory.leftovers)

    def _with_kept_code(self, inventory: Inventory) -> dict[str, str]:
        """Map ids of those whose code an artifact that stays has."""
        self.phase(f"reading which code manifests name ({inventory.shelf.noun})")
        named = self._in_manifests()
        rows = inventory.leftovers
        return {leftover.id: named[leftover.code] for leftover in rows if leftover.code in named}

    def _others(self) -> Mapping[str, str]:
        """Map what other environments store to them; listed once."""
        if self._elsewhere is None:
            self._elsewhere = {artifact: f"{name} stores it" for name, artifact in self._stored_elsewhere()}
        return self._elsewhere

    def _stored_elsewhere(self) -> Iterator[tuple[str, str]]:
        """List the artifacts of whatever else is stored for the app."""
        # Also of environments that the settings do not name: a pull request's, or one that was renamed.
        top = f"{self.app.settings.app}/"
        for place in self.app.store.list(top, delimiter="/"):
            name = place.key.removeprefix(top).rstrip("/")
            if place.key.endswith("/") and not name.startswith("_") and name != self.environment:
                going = self.going.get(name, ())
                stored = self.app.store.list(place.key, delimiter="/")
                for artifact in (entry.key.removeprefix(place.key).rstrip("/") for entry in stored):
                    if artifact not in going:
                        yield name, artifact

    # -- images --------------------------------------------------------------------------------------------------------

    def _repositories(self) -> list[str]:
        """List the repositories of its images in each of its regions."""
        settings = self.app.settings
        named = [image.repository for image in settings.images_of(self.environment).values() if image.repository]
        followers = [place.region for place in settings.places(self.environment)[1:]]
        return list(dict.fromkeys([*named, *(in_region(name, region) for region in followers for name in named)]))

    def _images(self, repository: str, named: Mapping[str, str], *, dry_run: bool) -> None:
        try:
            shelf = self.app.registry.shelf(repository, list(self.app.settings.environments))
            leftovers = shelf.look()
            inventory = Inventory(shelf, leftovers, {**named, **shelf.used(leftovers)})
        except ServiceFailed as reason:
            raise _unread(self.environment, reason) from reason
        judged = self._judged(inventory, inventory.used)
        if any(row.verdict.goes for row in judged):
            self.phase(f"reading which images of {repository} manifests name")
            judged = self._judged(inventory, {**self._in_manifests(), **inventory.used})
        self._finish(shelf, judged, dry_run=dry_run)

    def _in_manifests(self) -> Mapping[str, str]:
        """Map digests to the stored manifest that names them. Raises Refused."""
        if self._named is None:
            self._named = self._read_manifests()
        return self._named

    def _read_manifests(self) -> dict[str, str]:
        places = [(self.environment, artifact) for artifact in self.staying]
        places += [(reason.removesuffix(" stores it"), artifact) for artifact, reason in self._others().items()]
        with ThreadPoolExecutor(AT_ONCE) as workers:
            return dict(pair for pairs in workers.map(self._digests, places) for pair in pairs)

    def _digests(self, place: tuple[str, str]) -> list[tuple[str, str]]:
        environment, artifact = place
        key = layout.artifact(self.app.settings.app, environment, artifact, layout.MANIFEST)
        stored = self.app.store.get(key)
        if stored is None:  # it is being stored, or no artifact
            return []
        try:
            manifest = Manifest.from_json(stored.body, key)
        except (NotAuthentic, ValueError, TypeError, KeyError) as reason:
            raise Refused(
                f"{key} can't be read, so what it names is not known.",
                remedy=f"See what is wrong with it: {commands.verify(artifact, environment)}",
            ) from reason
        images = manifest.every_image.values()
        digests = [digest for image in images for digest in (image.digest, *image.platforms.values())]
        digests += [f"sha256:{package.sha256}" for package in manifest.packages.values()]
        return [(digest, f"the manifest of {artifact} on {environment} names it") for digest in digests]

    # -- deleting ------------------------------------------------------------------------------------------------------

    def _delete(self, shelf: Shelf, doomed: Sequence[Leftover]) -> None:
        """Delete those that nothing uses by now either, under the lease."""
        failed: dict[str, str] = {}
        names = {leftover.id: leftover.name for leftover in doomed}
        with undisturbed(self.app, self.environment, self.use, self._state) as renew:
            used = shelf.used(doomed)
            going = [leftover for leftover in doomed if leftover.id not in used]
            for start in range(0, len(going), BATCH):
                renew()
                batch = going[start : start + BATCH]
                problems = shelf.delete(batch)
                failed |= problems
                self.deleted += len(batch) - len(problems)
                self.phase(f"{self.deleted:,} {plural('leftover', self.deleted)} deleted ({shelf.noun})")
        if failed:
            raise _not_deleted(self.environment, {names[id_]: why for id_, why in failed.items()})

    def _state(self) -> str:
        return f"{counted(self.deleted, 'leftover')} of artifacts that are gone had been deleted."


def _unread(environment: str, reason: TagshipError) -> Refused:
    return Refused(
        f"What is left of deployments to {environment} can't all be read, so nothing of it may go: {reason.what}",
        remedy=f"Fix that, then: {commands.cleanup(environment)}",
    )


def _not_deleted(environment: str, failed: Mapping[str, str]) -> ServiceFailed:
    name, why = next(iter(failed.items()))
    return ServiceFailed(
        f"{counted(len(failed), 'leftover')} of {environment} could not be deleted; {name}: {why.rstrip('.')}.",
        state="The manifests of their artifacts are gone: none of it can be deployed. What else goes was deleted.",
        remedy=f"Run it as the role Cleanup of the environment's stack: {commands.cleanup(environment)}",
    )
