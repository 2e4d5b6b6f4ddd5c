"""What scans of an artifact's images found, held against the settings before it is deployed."""

from __future__ import annotations

from tagship.domain import commands
from tagship.domain.image import Scan
from tagship.domain.manifest import Manifest
from tagship.domain.text import either
from tagship.errors import Refused
from tagship.ports.app import App


def require_scanned(app: App, environment: str, manifest: Manifest) -> None:
    """Refuse images with findings of the severity that settings name.

    Raises Refused for one that nobody scanned, too: no finding is known of it. Without `refuse` nothing is asked.
    """
    images = manifest.every_image
    for name, chosen in app.settings.images_of(environment).items():
        if chosen.refuse and name in images:
            why = _why_refused(app.registry.status(images[name], scanned=True).scan, chosen.refuse)
            if why:
                raise Refused(
                    f"{images[name].by_digest}: {why} (images are refused from {chosen.refuse} on).",
                    remedy=either(
                        f"Ship a version without them: {commands.deploy_dev()}",
                        f"Or, once its scan says so: {commands.deploy(manifest.artifact_id, environment)}",
                    ),
                )


def _why_refused(scan: Scan | None, severity: str) -> str:
    """Say why a scan holds an image up; empty if it doesn't."""
    if scan is None:
        return "nobody scanned it"
    if scan.state == "waiting":
        return "its scan has not ended"
    if scan.state != "done":
        return f"its scan {scan.state}"
    findings = scan.from_on(severity)
    return f"its scan found {findings}" if findings else ""
