"""`build`: an artifact's images, packages and sets as files. It needs no credentials: `publish` stores them.

With credentials, what is made of the same as in the version that runs is not built again: release/unchanged.

What an environment needs is built at the same time: each image, and the parts of each command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tagship.domain.image import BuiltImage
from tagship.domain.text import counted, listed
from tagship.domain.version import ArtifactId
from tagship.engine.scope import named
from tagship.engine.tagged import commit_of
from tagship.errors import UNCHANGED, Refused
from tagship.ports.app import App
from tagship.release.image_builds import ImageBuild
from tagship.release.parts import Made, builds, parts_of, record
from tagship.release.unchanged import Before, running

SHOWN = 5  # files


def build(app: App, *, artifact: str = "", env: str = "", dry_run: bool = False) -> Mapping[str, BuiltImage]:
    """Build what the environment runs into .tagship/build/<artifact id>.

    That is image.tar, image-<name>.tar or packages/<name>.zip, each with a record beside it. Without any, it says so.
    Returns the images by name; "" is the environment's own. Raises Refused when the checkout is not at the artifact's
    commit.
    """
    artifact_id, chosen = named(app, artifact, env)
    packages, sets = app.settings.environment(chosen).target.packages, app.settings.static_sets(chosen)
    names = list(app.settings.images_of(chosen))
    if not names and not packages and not sets:
        app.screen.say(f"{chosen} runs {artifact_id} as a process: there is no image to build")
        return {}
    commit = commit_of(app, artifact_id)
    _check_checkout(app, artifact_id, commit)
    images = {name: ImageBuild(app, artifact_id, commit, chosen, name, beside=len(names) > 1) for name in names}
    for line in _planned(images, packages, sets, commit):
        app.screen.say(line)
    if dry_run:
        app.screen.say(UNCHANGED)
        return {}
    before = running(app, chosen)
    made, parts = _all(images, before, builds(parts_of(app, artifact_id, chosen), commit, before))
    record(app, artifact_id, commit, parts)
    return made


def _planned(images: Mapping[str, ImageBuild], packages: object, sets: object, commit: str) -> Iterator[str]:
    """Say what is to be built, a line each."""
    for noun, names in (("package", packages), ("static set", sets)):
        if isinstance(names, (list, tuple)) and names:
            yield f"build {counted(len(names), noun)} of {commit[:8]}: {', '.join(names)}"
    yield from (image.planned for image in images.values())


def _all(
    images: Mapping[str, ImageBuild], before: Before, parts: list[Callable[[], Made]]
) -> tuple[Mapping[str, BuiltImage], Made]:
    """Build all at once. Raises what failed first, when all have ended."""
    with ThreadPoolExecutor(len(images) + len(parts)) as pool:
        others = [pool.submit(part) for part in parts]
        built = {name: pool.submit(image.build, before) for name, image in images.items()}
    made = {key: part for other in others for key, part in other.result().items()}
    return {name: future.result() for name, future in built.items()}, made


def _check_checkout(app: App, artifact_id: ArtifactId, commit: str) -> None:
    """Require a checkout at the commit: the image is built from it.

    Raises Refused.
    """
    head = app.repository.resolve("HEAD")
    if head != commit:
        raise Refused(
            f"{artifact_id} is commit {commit[:8]}, but the checkout is at {head[:8]}.",
            remedy=f"Check it out: git checkout --detach {commit}",
        )
    if edited := app.repository.edited():
        app.screen.warn(f"the build has edits that {commit[:8]} lacks: {listed(list(edited), SHOWN)}")
