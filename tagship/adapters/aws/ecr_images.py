"""The images of one repository of ECR, by ECR's own API: which are there, archived, scanned."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tagship.adapters.aws.lifecycle import image_policy
from tagship.adapters.aws.session import Aws
from tagship.adapters.oci.logins import Login
from tagship.domain import aws_commands
from tagship.domain.image import ImageStatus, Scan
from tagship.errors import SettingsError

ANY: Any = {"imageStatus": "ANY"}  # without it, ECR answers as if an archived image were not there
STATES = {"ARCHIVED": "archived", "ACTIVATING": "activating"}
SCANNED = frozenset({"COMPLETE", "ACTIVE"})  # ACTIVE: enhanced scanning, which goes on
WAITING = frozenset({"IN_PROGRESS", "PENDING"})


@dataclass(frozen=True)
class EcrImages:
    """A repository, in any account and region."""

    aws: Aws
    account: str
    region: str
    name: str

    def login(self) -> Login:
        """Ask for a credential, which is good for twelve hours."""
        with self.aws.translated(f"asking ECR for a login to account {self.account}"):
            answer = self.api.get_authorization_token()
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        user, _, password = token.partition(":")
        return Login(user, password)

    def described(self, reference: str) -> Mapping[str, Any] | None:
        """Describe the image of a tag or digest; None without one.

        Raises SettingsError without the repository.
        """
        wanted: Any = {"imageDigest" if ":" in reference else "imageTag": reference}
        with self.aws.translated(f"looking for {self.name}:{reference} in ECR"):
            try:
                answer = self.api.describe_images(
                    registryId=self.account, repositoryName=self.name, imageIds=[wanted], filter=ANY
                )
            except self.api.exceptions.ImageNotFoundException:
                return None
            except self.api.exceptions.RepositoryNotFoundException as error:
                raise self._no_repository() from error
        rows: Sequence[Mapping[str, Any]] = answer["imageDetails"]
        return next(iter(rows), None)

    def status(self, digest: str, *, scanned: bool) -> ImageStatus:
        """Read the state of an image, and its scan if asked."""
        details = self.described(digest)
        if details is None:
            return ImageStatus("missing")
        state = STATES.get(details.get("imageStatus", ""), "there")
        restore = aws_commands.restore_image(self.name, digest, self.local.where) if state == "archived" else ""
        return ImageStatus(state, self._scan(digest) if scanned else None, restore)

    def lifecycle(self) -> str:
        """Read the lifecycle policy; empty without one."""
        return image_policy(self.local, self.account, self.name)

    def _scan(self, digest: str) -> Scan | None:
        """Read what a scan of an image found; None without a scan."""
        wanted: Any = {"imageDigest": digest}
        with self.aws.translated(f"reading the scan of {self.name}@{digest[:19]}"):
            try:
                answer = self.api.describe_image_scan_findings(
                    registryId=self.account, repositoryName=self.name, imageId=wanted, maxResults=1
                )
            except self.api.exceptions.ScanNotFoundException:
                return None
        state, counts = answer.get("imageScanStatus", {}).get("status", ""), answer.get("imageScanFindings", {})
        done = "done" if state in SCANNED else "waiting" if state in WAITING else f"failed ({state})"
        return Scan(done, dict(counts.get("findingSeverityCounts", {})))

    @cached_property
    def api(self) -> Any:
        """Return the client of its region."""
        return self.local.client("ecr")

    @property
    def local(self) -> Aws:
        """Return the session of its region."""
        return self.aws if self.region == self.aws.region else replace(self.aws, region=self.region)

    def _no_repository(self) -> SettingsError:
        create = aws_commands.make_repository(self.name, self.local.where)
        return SettingsError(
            f"ECR of account {self.account} has no repository {self.name}.", remedy=f"Create it: {create}"
        )
