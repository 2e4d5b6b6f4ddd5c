"""A deployment holds the scans of its images against the severity that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.domain.image import ImageStatus, Scan
from tagship.engine.scans import require_scanned
from tagship.errors import Refused
from tagship.verbs.build import build
from tagship.verbs.bundle import bundle
from tagship.verbs.publish import publish
from tests.fakes.app import FakeApp
from tests.fakes.images import FakeImages
from tests.unit.ci import VERSION, several_app


def judged(root: Path, scan: Scan | None, refuse: str = "high") -> FakeApp:
    """Hold a published artifact of two images against the scan of one of them."""
    images = FakeImages()
    app = several_app(root, images)
    api = app.settings.images["api"].model_copy(update={"refuse": refuse})
    app.settings = app.settings.model_copy(update={"images": {**app.settings.images, "api": api}})
    build(app, artifact=VERSION)
    bundle(app, artifact=VERSION)
    manifest = publish(app, artifact=VERSION)
    assert manifest
    images.states[manifest.images["api"].digest] = ImageStatus("there", scan)
    require_scanned(app, "dev", manifest)
    return app


@pytest.mark.parametrize(
    ("scan", "why"),
    [
        (Scan("done", {"CRITICAL": 1, "HIGH": 2, "LOW": 3}), "its scan found 1 critical, 2 high"),
        (Scan("waiting"), "its scan has not ended"),
        (Scan("failed (FAILED)"), r"its scan failed \(FAILED\)"),
        (None, "nobody scanned it"),
    ],
)
def test_an_image_with_findings_or_without_a_scan_is_refused(tmp_path: Path, scan: Scan | None, why: str) -> None:
    words = f"r.example/api@sha256:[0-9a-f]+: {why} .images are refused from high on."
    with pytest.raises(Refused, match=words) as caught:
        judged(tmp_path, scan)
    assert f"inv deploy --version {VERSION} --env dev" in caught.value.remedy


@pytest.mark.parametrize(("scan", "refuse"), [(Scan("done", {"MEDIUM": 9}), "high"), (None, "")])
def test_lesser_findings_and_no_setting_hold_nothing_up(tmp_path: Path, scan: Scan | None, refuse: str) -> None:
    judged(tmp_path, scan, refuse)
