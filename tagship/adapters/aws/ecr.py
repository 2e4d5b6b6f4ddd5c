"""Where images are: ECR by its API, any other registry by the OCI distribution API (a HEAD of the manifest).

A plain registry is asked with the credentials of docker's own config file, where it has some in plain reach.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagship.adapters.aws.session import Aws
from tagship.adapters.docker import Docker
from tagship.domain.manifest import ImageRef
from tagship.errors import ServiceFailed, SettingsError

ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?\Z", re.ASCII)
LOOPBACK = re.compile(r"(localhost|127(\.\d+){3})(:\d+)?\Z", re.ASCII)
TYPES = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
TIMEOUT = 30  # seconds


@dataclass(frozen=True)
class Ecr:
    """The registry of an image's repository; see tagship.ports.images.Registry."""

    aws: Aws
    docker: Docker

    def login(self, repository: str) -> None:
        """Log docker in to ECR.

        Another registry's login is the user's own: docker keeps it.
        """
        host, _ = split(repository)
        if not ECR.match(host):
            return
        with self.aws.translated(f"asking ECR for a login to {host}"):
            answer = self.aws.client("ecr").get_authorization_token()
        user, password = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode().split(":", 1)
        self.docker.login(host, user, password)

    def find(self, repository: str, tag: str) -> ImageRef | None:
        digest = self._digest(repository, tag)
        return ImageRef(repository, tag, digest) if digest else None

    def holds(self, image: ImageRef) -> bool:
        return bool(self._digest(image.repository, image.digest))

    def _digest(self, repository: str, reference: str) -> str:
        """Ask for the digest of an image; empty without one."""
        # `reference` is a tag or a digest.
        host, name = split(repository)
        known = ECR.match(host)
        return self._in_ecr(known["account"], name, reference) if known else self._elsewhere(host, name, reference)

    def _in_ecr(self, account: str, name: str, reference: str) -> str:
        from botocore.exceptions import ClientError

        wanted: Any = {"imageDigest" if ":" in reference else "imageTag": reference}
        with self.aws.translated(f"looking for {name}:{reference} in ECR"):
            try:
                answer = self.aws.client("ecr").describe_images(
                    registryId=account, repositoryName=name, imageIds=[wanted]
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ImageNotFoundException":
                    return ""
                if error.response["Error"]["Code"] == "RepositoryNotFoundException":
                    raise _no_repository(account, name) from error
                raise
        return answer["imageDetails"][0]["imageDigest"]

    def _elsewhere(self, host: str, name: str, tag: str) -> str:
        scheme = "http" if LOOPBACK.match(host) else "https"
        request = urllib.request.Request(f"{scheme}://{host}/v2/{name}/manifests/{tag}", method="HEAD")  # noqa: S310 (set above)
        request.add_header("Accept", TYPES)
        for header, value in _authorization(host, self.docker.inherited).items():
            request.add_header(header, value)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 (the scheme is set above)
                digest: str = answer.headers.get("Docker-Content-Digest", "")
                return digest
        except urllib.error.HTTPError as problem:
            if problem.code == 404:
                return ""
            raise _unanswered(host, f"it answered {problem.code}") from problem
        except OSError as problem:
            raise _unanswered(host, str(problem)) from problem


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


def _authorization(host: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Read the basic credentials of docker's config file for a host.

    None if a credential helper keeps them.
    """
    folder = variables.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    try:
        config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    token = config.get("auths", {}).get(host, {}).get("auth", "")
    return {"Authorization": f"Basic {token}"} if token else {}


def _no_repository(account: str, name: str) -> SettingsError:
    return SettingsError(
        f"ECR of account {account} has no repository {name}.",
        remedy=f"Create it: aws ecr create-repository --repository-name {name} --image-tag-mutability IMMUTABLE",
    )


def _unanswered(host: str, why: str) -> ServiceFailed:
    return ServiceFailed(
        f"The registry {host} cannot be asked for an image: {why}.", remedy=f"Log in: docker login {host}"
    )
