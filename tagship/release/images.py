"""Which image is signed: the one that was built here, or one that a signed provenance vouches for.

A label says what whoever pushed the image wants it to say. A tag that is taken is believed for two reasons alone: it is
the very image that was built (the engine knows both by the same id), or provenance under the artifact's own id, signed
by the release key, names its digest, commit and workflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tagship.domain import commands, layout
from tagship.domain.image import BuiltImage
from tagship.domain.inputs import Inputs
from tagship.domain.manifest import ImageRef
from tagship.domain.provenance import Provenance
from tagship.errors import NotAuthentic, Refused, ServiceFailed
from tagship.ports.app import App
from tagship.release.attesting import verified_statement
from tagship.release.built import Work, image_files
from tagship.release.unchanged import Before, Same, said, same_as

UNSIGNED = "Nothing was signed or deployed; what is in the registry stays there."


@dataclass(frozen=True)
class _Image:
    """A built image, and where it is published."""

    app: App
    work: Work
    name: str
    built: BuiltImage


def shipped(app: App, work: Work, before: Before) -> Mapping[str, ImageRef]:
    """Push what was built, or believe what is there.

    Returns each by digest. Raises NotAuthentic for an image that nobody vouches for.
    """
    return {name: _shipped(_Image(app, work, name, built), before) for name, built in work.images.items()}


def _shipped(image: _Image, before: Before) -> ImageRef:
    built, registry = image.built, image.app.registry
    registry.login(built.repository)
    stored = registry.find(built.repository, built.tag)
    same = same_as(image.app, before, image.name, built.repository, Inputs(built.inputs, built.changed))
    image.app.screen.say(said(image.name, built, same))
    if same.image and (stored is None or stored.digest == same.image.digest):
        return _kept(image, same, stored)
    if built.skipped:
        raise _unbuilt(image, same)
    stored = _believed(image, stored) if stored else _pushed(image)
    platforms = registry.platforms(stored)
    _check_platform(image, platforms)
    return replace(stored, platforms=platforms, inputs=built.inputs)


def _kept(image: _Image, same: Same, stored: ImageRef | None) -> ImageRef:
    """Give the image that exists this artifact's tag, too."""
    # So it stays when the tag of the older artifact goes.
    existing, tag = same.image, image.built.tag
    assert existing is not None  # noqa: S101  (`same` has one: for the type checker)
    if stored is None:
        image.app.registry.tag(existing, tag)
        stored = image.app.registry.find(existing.repository, tag)
    if stored is None or stored.digest != existing.digest:
        again = commands.publish(image.work.artifact_id, image.work.environment)
        answer = stored.digest if stored else "nothing"
        raise ServiceFailed(
            f"{existing.repository}:{tag} was to name {existing.digest}, and the registry says {answer}.",
            remedy=f"Run it again: {again}",
        )
    return replace(existing, tag=tag, built_for=existing.built_for or same.of)


def _unbuilt(image: _Image, same: Same) -> Refused:
    """Build the error of an image that `build` skipped."""
    why = same.why or f"another image has the tag {image.built.tag} by now"
    return Refused(
        f"{image.built.name} was not built, because one of the same inputs existed; since then: {why}.",
        state=UNSIGNED,
        remedy=f"Build it: {commands.build(image.work.artifact_id, image.work.environment)}",
    )


def _check_platform(image: _Image, platforms: Mapping[str, str]) -> None:
    """Require the platform that the settings name. Raises NotAuthentic."""
    wanted = image.app.settings.images_of(image.work.environment)[image.name].platform
    if wanted and not any(platform == wanted or platform.startswith(f"{wanted}/") for platform in platforms):
        raise NotAuthentic(
            f"{image.built.name} is for {' and '.join(platforms) or 'no platform'}, and not for {wanted}.",
            state=UNSIGNED,
            remedy=f"Build it again, under the next number: {commands.deploy_dev()}",
        )


def version_tags(app: App, work: Work) -> None:
    """Have the version of an untagged build name its images, too.

    If another environment's image has that tag, it is said and left alone.
    """
    for ref in work.refs.values():
        for tag in work.artifact_id.image_tags(work.environment):
            stored = app.registry.find(ref.repository, tag) if tag != ref.tag else ref
            if stored is None:
                app.registry.tag(ref, tag)
            elif stored.digest != ref.digest:
                app.screen.warn(f"{ref.repository}:{tag} is another environment's image, and stays so")


def moved_tags(app: App, work: Work) -> None:
    """Have the tags that move name what was published."""
    settings = app.settings.images_of(work.environment)
    for name, ref in work.refs.items():
        for tag in settings[name].moved_tags(work.environment):
            app.registry.tag(ref, tag)
            app.screen.say(f"{ref.repository}:{tag} is {ref.tag} now")


def _pushed(image: _Image) -> ImageRef:
    """Push the built image.

    The digest that was pushed and the one that the registry answers have to be the same.
    """
    built, again = image.built, commands.publish(image.work.artifact_id, image.work.environment)
    pushed = image.app.builder.push(
        image_files(image.work.file.parent, image.name)[0], built.id, built.repository, built.tag
    )
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
    provenance = _provenance(image, stored)
    if provenance:
        say(f"{built.name} was built and pushed by {provenance.run_url or 'an earlier run'}: going on from it")
        return stored
    raise NotAuthentic(
        f"{built.name} is in the registry as {stored.digest}. That is not the image that was built here, and no signed "
        "provenance says where it comes from.",
        state=UNSIGNED,
        remedy=f"Find out who pushed it; then ship under the next number: {commands.deploy_dev()}",
    )


def _provenance(image: _Image, stored: ImageRef) -> Provenance | None:
    """Read provenance that vouches for an image; None without it. Raises NotAuthentic."""
    app, work = image.app, image.work
    statement = verified_statement(app, work, layout.PROVENANCE)
    if statement is None:
        return None
    provenance = Provenance.read(statement[0], work.key(app, layout.PROVENANCE))
    subjects = {stored.repository: stored.digest}
    fits = provenance.vouches(subjects, image.built.commit, work.place(app), app.ci.workflow)
    return provenance if fits else None
