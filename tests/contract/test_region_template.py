"""The template of a region that follows, as cfn-lint reads it, with what it takes from the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tagship.domain.foundation import LARGEST, with_blocks, with_repositories
from tagship.domain.regional import regional

AWS = Path(__file__).parents[2] / "deploy/aws"
NAMES = ["cluster/web", "cluster/worker"]
IMAGES = [f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{name}" for name in ("hello", "hello-worker")]


def test_cfn_lint_finds_nothing_in_it_and_it_fits(tmp_path: Path) -> None:
    others = {name: (AWS / name).read_text("utf-8") for name in ("foundation.yaml", "environment.yaml")}
    made = with_repositories(regional((AWS / "region.yaml").read_text("utf-8"), others), {"hello-worker": ["latest"]})
    made = with_blocks(
        made,
        {"app": "hello"},
        "",
        (),
        functions=["hello-api"],
        services=NAMES,
        roles=["hello-task"],
        families=["web", "worker"],
        groups=["hello-web"],
        images=IMAGES,
        copied=[image.replace("eu-west-1", "us-east-1") for image in IMAGES],
    )
    assert len(made.encode()) <= LARGEST
    assert all(f"task-definition/{family}:*" in made for family in ("web", "worker"))
    file = tmp_path / "region.yaml"
    file.write_text(made, "utf-8")
    lint = Path(sys.executable).parent / "cfn-lint"
    ran = subprocess.run([lint, file], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
