"""Which image is signed: the one that was built here, or one that a signed provenance vouches for.

A label says what whoever pushed the image wants it to say. A tag that is taken is believed for two reasons alone: it is
the very image that was built (the engine knows both by the same id), or provenance under the artifact's own id, signed
by the release key, names its digest, commit and workflow.
"""

from __future__ import annotations

from dataclasses import dataclass

from tagship.domain import commands, layout
from tagship.domain.image import BuiltImage
from tagship.domain.manifest import ImageRef
from tagship.domain.provenance import Provenance, opened, sealed, to_sign
from tagship.errors import NotAuthentic, ServiceFailed
from tagship.ports.account import Keys
from tagship.ports.app import App
from tagship.ports.bucket import Conflict
from tagship.release.built import IMAGE, Work

UNSIGNED = "Nothing was signed or deployed; the image in the registry is unchanged."


@dataclass(frozen=True)
class _Image:
    """A built image, and where it is published."""

    app: App
    work: Work
    built: BuiltImage

    @property
    def key(self) -> str:
        return self.work.key(self.app, layout.PROVENANCE)

    @property
    def keys(self) -> Keys:
        return self.app.keys(self.work.environment)

    @property
    def place(self) -> str:
        return f"{self.app.settings.app}/{self.work.environment}/{self.work.artifact_id}"


def shipped(app: App, work: Work, *, signs: bool) -> ImageRef | None:
    """Push what was built, or believe what is there.

    Returns it by digest, and writes signed provenance of it; None without an image. Raises NotAuthentic for an image
    that nobody vouches for.
    """
    if work.image is None:
        return None
    image = _Image(app, work, work.image)
    app.registry.login(image.built.repository)
    stored = app.registry.find(image.built.repository, image.built.tag)
    shipped = _believed(image, stored) if stored else _pushed(image)
    if signs:
        _put_provenance(image, shipped)
    return shipped


def _pushed(image: _Image) -> ImageRef:
    """Push the built image.

    The digest that was pushed and the one that the registry answers have to be the same.
    """
    built, again = image.built, commands.publish(image.work.artifact_id, image.work.environment)
    pushed = image.app.builder.push(image.work.file.with_name(IMAGE), built.id, built.repository, built.tag)
    stored = image.app.registry.find(built.repository, built.tag)
    if stored is None:
        raise ServiceFailed(
            f"{built.name} was pushed, but the registry does not have it.", remedy=f"Run it again: {again}"
        )
    if stored.digest != pushed.digest:
        raise NotAuthentic(
            f"{built.name} was pushed as {pushed.digest}, but the registry has {stored.digest}.",
            state=UNSIGNED,
            remedy=f"Make the repository's tags immutable, then ship under the next number: {commands.deploy_dev()}",
        )
    image.app.screen.say(f"pushed {stored.by_digest}")
    return stored


def _believed(image: _Image, stored: ImageRef) -> ImageRef:
    """Believe an image that was there already.

    Raises NotAuthentic if nobody vouches for it.
    """
    built, say = image.built, image.app.screen.say
    if image.app.builder.identity(stored) == built.id:
        say(f"{built.name} is pushed already: it is the image that was built")
        return stored
    provenance = _provenance(image)
    if provenance and provenance.vouches(stored, built, image.place, image.app.ci.workflow):
        say(f"{built.name} was built and pushed by {provenance.run_url or 'an earlier run'}: going on from it")
        return stored
    raise NotAuthentic(
        f"{built.name} is in the registry as {stored.digest}. That is not the image that was built here, and no signed "
        "provenance says where it comes from.",
        state=UNSIGNED,
        remedy=f"Find out who pushed it; then ship under the next number: {commands.deploy_dev()}",
    )


def _provenance(image: _Image) -> Provenance | None:
    """Read the artifact's provenance, verified; None without one. Raises NotAuthentic."""
    stored = image.app.store.get(image.key)
    if stored is None:
        return None
    statement, signature, signer = opened(stored.body, image.key)
    image.keys.verifier.verify(to_sign(statement), signature, image.key, signer)
    return Provenance.read(statement, image.key)


def _put_provenance(image: _Image, shipped: ImageRef) -> None:
    """Create the provenance, or require that the existing one fits."""
    app, workflow = image.app, image.app.ci.workflow
    statement = Provenance.of(shipped, image.built, image.place, workflow, app.run_url).statement()
    try:
        signature = image.keys.signer.sign(to_sign(statement))
        app.store.create(image.key, sealed(statement, signature, image.keys.id))
    except Conflict as conflict:
        existing = _provenance(image)
        if existing is None or not existing.vouches(shipped, image.built, image.place, workflow):
            raise NotAuthentic(
                f"{image.key} is there already, and vouches for another image than {shipped.by_digest}.",
                state=UNSIGNED,
                remedy=f"Ship under the next number: {commands.deploy_dev()}",
            ) from conflict
