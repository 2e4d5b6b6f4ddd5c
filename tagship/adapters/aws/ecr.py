"""Where images are: ECR by its API, any other registry by the OCI distribution API; images are copied by the latter.

Another registry than ECR is asked with the credentials that `docker login` left.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from tagship.adapters.aws.ecr_images import EcrImages
from tagship.adapters.aws.ecr_shelf import EcrShelf
from tagship.adapters.aws.session import Aws
from tagship.adapters.docker import Docker
from tagship.adapters.oci.client import RegistryClient
from tagship.adapters.oci.copying import Copying, ImagePlace
from tagship.adapters.oci.logins import DockerLogins, Login
from tagship.adapters.oci.unseen import UnseenShelf
from tagship.domain.image import ImageStatus
from tagship.domain.manifest import ImageRef
from tagship.domain.oci import RawManifest
from tagship.errors import ArtifactMissing, SettingsError
from tagship.ports.leftovers import Shelf

ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?\Z", re.ASCII)
LARGEST = 4 * 1024 * 1024  # bytes of an image's configuration


@dataclass(frozen=True)
class Ecr:
    """The registry of an image's repository; see tagship.ports.images.Registry."""

    aws: Aws
    docker: Docker
    sleep: Callable[[float], None] = time.sleep
    others: Mapping[str, Callable[[], Aws]] = field(default_factory=dict, repr=False)  # sessions by their account
    _clients: dict[str, RegistryClient] = field(default_factory=dict, repr=False, compare=False)

    def login(self, repository: str) -> None:
        """Log docker in to ECR.

        Another registry's login is the user's own: docker keeps it.
        """
        images = self._in_ecr(repository)
        if images:
            login = images.login()
            self.docker.login(split(repository)[0], login.user, login.password)

    def find(self, repository: str, tag: str) -> ImageRef | None:
        images = self._in_ecr(repository)
        if images:
            details = images.described(tag)
            return ImageRef(repository, tag, details["imageDigest"]) if details else None
        manifest = self._manifest(repository, tag)
        return ImageRef(repository, tag, manifest.digest) if manifest else None

    def status(self, image: ImageRef, *, scanned: bool = False) -> ImageStatus:
        images = self._in_ecr(image.repository)
        if images:
            return images.status(image.digest, scanned=scanned)
        return ImageStatus("there" if self._manifest(image.repository, image.digest) else "missing")

    def platforms(self, image: ImageRef) -> Mapping[str, str]:
        manifest = self._manifest(image.repository, image.digest)
        if manifest is None:
            raise ArtifactMissing(f"The registry does not have {image.by_digest}.", remedy="Publish it again")
        if manifest.is_index:
            return manifest.platforms
        return {self._built_for(self._place(image.repository), manifest): manifest.digest}

    def copy(self, image: ImageRef, repository: str) -> ImageRef:
        Copying(self._place(image.repository), self._place(repository)).copy(image.digest, [image.tag])
        return replace(image, repository=repository)

    def tag(self, image: ImageRef, tag: str) -> None:
        place = self._place(image.repository)
        Copying(place, place).point(image.digest, tag)

    def lifecycle(self, repository: str) -> str:
        images = self._in_ecr(repository)
        return images.lifecycle() if images else ""

    def shelf(self, repository: str, environments: Sequence[str]) -> Shelf:
        images = self._in_ecr(repository)
        return EcrShelf(images, environments) if images else UnseenShelf(repository)

    # -- by the distribution API ---------------------------------------------------------------------------------------

    def _place(self, repository: str) -> ImagePlace:
        host, name = split(repository)
        return ImagePlace(self._client(host), self._client(host).named(name))

    def _client(self, host: str) -> RegistryClient:
        return self._clients.setdefault(host, RegistryClient(host, lambda: self._login(host), self.sleep))

    def _login(self, host: str) -> Login | None:
        images = self._in_ecr(f"{host}/")
        return images.login() if images else DockerLogins(self.docker.inherited).of(host)

    def _built_for(self, place: ImagePlace, manifest: RawManifest) -> str:
        """Read the platform of an image in its configuration."""
        with closing(place.client.blob(place.name, manifest.configuration.digest)) as answer:
            value = json.loads(answer.raw.read(LARGEST, decode_content=True))
        return "/".join(value[key] for key in ("os", "architecture", "variant") if value.get(key))

    def _in_ecr(self, repository: str) -> EcrImages | None:
        """Return a repository of ECR; None for one of another registry."""
        host, name = split(repository)
        known = ECR.match(host)
        if known is None:
            return None
        aws = self.others.get(known["account"], lambda: self.aws)()
        return EcrImages(aws, known["account"], known["region"], name)

    def _manifest(self, repository: str, reference: str) -> RawManifest | None:
        place = self._place(repository)
        return place.client.manifest(place.name, reference)


def split(repository: str) -> tuple[str, str]:
    """Split a repository into the registry's host and the name.

    Raises SettingsError for a repository without a host.
    """
    host, slash, name = repository.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        raise SettingsError(
            f"image.repository {repository!r} does not begin with a registry's host.",
            remedy="Write it whole in tagship.toml: 123456789012.dkr.ecr.us-east-1.amazonaws.com/hello",
        )
    return host, name
