"""The bill of materials of an artifact, in CycloneDX 1.6: its files, its image, and what its lock files pin.

The same artifact gives the same bytes: nothing of this run, its time or its machine is in it.
https://cyclonedx.org/docs/1.6/json
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from tagship import __version__
from tagship.domain import layout
from tagship.domain.attestation import SBOM, Statement
from tagship.domain.origin import Origin
from tagship.domain.packages import Hash, NotALock, PinnedPackage, is_lock, packages
from tagship.ports.app import App
from tagship.ports.repository import Unfit
from tagship.release.attesting import attested
from tagship.release.built import Work

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

PROPERTY = "tagship:"  # of ours, in CycloneDX's properties


@dataclass(frozen=True)
class LockFiles:
    """What lock files pin: packages, with the files that name each.

    `unread` are lock files that could not be read.
    """

    packages: Mapping[PinnedPackage, Sequence[str]] = field(default_factory=dict)
    unread: Sequence[str] = ()


def attested_sbom(app: App, work: Work, origin: Origin) -> str:
    """Create an artifact's SBOM, or go on from the one there.

    Returns its SHA-256. Raises Refused if that one is of something else, NotAuthentic if it is not signed by the
    release key.
    """
    subjects = work.subjects(app)
    locked = locked_in(app, work.built.commit)
    for path in locked.unread:
        app.screen.warn(f"{path} can't be read: the SBOM names it, and nothing that it pins")
    bill = document(work, work.place(app), origin.build_time, locked)

    def same(raw: bytes, where: str) -> bool:
        return Statement.read(raw, where, SBOM).subjects == subjects

    return attested(app, work, layout.SBOM, Statement(subjects, SBOM, bill).to_json(), same)


def locked_in(app: App, commit: str) -> LockFiles:
    """Read every lock file of a commit."""
    named: dict[PinnedPackage, list[str]] = {}
    unread = []
    for path in filter(is_lock, app.repository.paths(commit)):
        try:
            for package in packages(path, _content(app, commit, path)):
                named.setdefault(package, []).append(path)
        except (NotALock, Unfit):
            unread.append(path)
    return LockFiles(named, unread)


def _content(app: App, commit: str, path: str) -> bytes:
    return next(read(size) for name, _, size, read in app.repository.files(commit, [path]) if name == path)


# -- CycloneDX ---------------------------------------------------------------------------------------------------------


def document(work: Work, place: str, build_time: str, locked: LockFiles) -> Mapping[str, Any]:
    """Write the bill of an artifact, as CycloneDX's JSON."""
    from cyclonedx.output.json import JsonV1Dot6

    bill: dict[str, Any] = json.loads(JsonV1Dot6(_bom(work, place, build_time, locked)).output_as_string())
    bill["metadata"]["component"]["components"] = _files(work)
    return bill


def _files(work: Work) -> list[dict[str, Any]]:
    """Describe files of the bundle and static sets, and packages, as parts of it."""
    zipped = {layout.package(name): package.sha256 for name, package in work.packages.items()}
    for name, made in work.static.items():
        zipped |= {f"static/{name}/{path}": file.sha256 for path, file in made.files.files.items()}
    # Written here: the library takes twenty seconds to sort 10,000 of them.
    return [
        {
            "bom-ref": f"file:{path}",
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "name": path,
            "type": "file",
        }
        for path, digest in sorted({**work.built.files, **zipped}.items())
    ]


def _bom(work: Work, place: str, build_time: str, locked: LockFiles) -> Bom:
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import ComponentType
    from cyclonedx.model.tool import ToolRepository

    whole = _component(
        ComponentType.APPLICATION,
        place,
        place.partition("/")[0],
        str(work.artifact_id),
        [("SHA-256", work.built.sha256)],
    )
    tool = _component(ComponentType.APPLICATION, "tagship", "tagship", __version__)
    unread = [Property(name=f"{PROPERTY}unread", value=path) for path in locked.unread]
    metadata = BomMetaData(
        timestamp=datetime.fromisoformat(build_time),
        tools=ToolRepository(components=[tool]),
        component=whole,
        properties=[Property(name=f"{PROPERTY}commit", value=work.built.commit), *unread],
    )
    needs = [*_images(work), *_packages(locked)]
    serial = uuid5(NAMESPACE_URL, f"{place}@sha256:{work.built.sha256}")
    bom = Bom(serial_number=serial, metadata=metadata, components=needs)
    bom.register_dependency(whole, needs)
    return bom


def _images(work: Work) -> Iterator[Component]:
    """Describe images, and those that they were built on."""
    from cyclonedx.model.component import ComponentType

    named = [(ref.by_digest, "image") for ref in work.refs.values()]
    bases = dict.fromkeys(image.base for image in work.images.values() if image.base)
    for name, role in (*named, *((base, "base image") for base in bases)):
        repository, _, digest = name.partition("@sha256:")
        yield _component(
            ComponentType.CONTAINER,
            name,
            repository,
            f"sha256:{digest}",
            [("SHA-256", digest)],
            properties=[("role", role)],
        )


def _packages(locked: LockFiles) -> Iterator[Component]:
    from cyclonedx.model.component import ComponentType
    from packageurl import PackageURL

    for package, paths in locked.packages.items():
        group, _, name = package.name.rpartition("/")  # npm's scope
        url = PackageURL(package.kind, group or None, name, package.version)
        reference = f"{url}#{','.join(paths)}"  # one version may be pinned with other hashes elsewhere
        yield _component(
            ComponentType.LIBRARY,
            reference,
            name,
            package.version,
            package.hashes,
            url=url,
            group=group,
            properties=[("lock", path) for path in paths],
        )


def _component(
    kind: Any,
    reference: str,
    name: str,
    version: str,
    hashes: Sequence[Hash] = (),
    *,
    url: Any = None,
    group: str = "",
    properties: Sequence[tuple[str, str]] = (),
) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component

    return Component(
        type=kind,
        bom_ref=reference,
        name=name,
        version=version or None,
        group=group or None,
        purl=url,
        hashes=[HashType(alg=HashAlgorithm(algorithm), content=digest) for algorithm, digest in hashes],
        properties=[Property(name=f"{PROPERTY}{key}", value=value) for key, value in properties],
    )
