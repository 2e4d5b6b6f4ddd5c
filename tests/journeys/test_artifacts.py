"""CI's steps on real Git, real HTTP to the sandbox's S3 and a real key: from a tag to a verified artifact."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tagship import bootstrap
from tagship.domain import layout
from tagship.domain.attestation import opened, to_sign
from tagship.engine.artifacts import verified_manifest
from tagship.sandbox.state import Running
from tests.sandbox.conftest import git

TOP = Path(__file__).parents[2]
FILES = {
    "deploy/ec2_deploy.sh": "#!/usr/bin/env bash\n",
    "deploy/host/entry.sh": "",
    "deploy/host/health.sh": "# health\n",
    "app.py": "print(1)\n",
}


@pytest.fixture(scope="module")
def clone(sandbox: Running) -> Path:
    """A clone of the sandbox's origin, as a CI job has it, with a releasable commit on dev."""
    folder = sandbox.folder / "checkouts" / "artifacts"  # where a run has its own
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    git(folder.parent, "clone", "--quiet", str(sandbox.origin), folder.name)
    git(folder, "checkout", "--quiet", "-B", "dev")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "deploy/ec2_deploy.sh").chmod(0o755)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Something to release")
    git(folder, "push", "--quiet", "--force", "origin", "HEAD:refs/heads/dev")
    return folder


def tagged(clone: Path, version: str) -> str:
    git(clone, "tag", "--annotate", version, "-m", version)
    git(clone, "push", "--quiet", "origin", f"refs/tags/{version}")
    return version


def inv(clone: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A step as CI runs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "TAGSHIP_"))}
    command = [sys.executable, "-c", "from tagship.tasks.program import run; run()", *words]
    return subprocess.run(
        command, cwd=clone, env={**kept, "CI": "true", **variables}, capture_output=True, text=True, check=False
    )


def published(clone: Path, version: str, steps: tuple[str, ...] = ("bundle", "publish")) -> str:
    tagged(clone, version)
    here = {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": version, "GITHUB_RUN_ID": "4711", "GITHUB_ACTOR": "ada"}
    for step in steps:
        answer = inv(clone, step, **here)
        assert answer.returncode == 0, answer.stderr
    return version


def key(version: str, name: str) -> str:
    return layout.artifact("tiny", "dev", version, name)


def deploys_nothing(clone: Path, version: str) -> str:
    """What `verified_manifest` says, by way of the step that asks it first: publish, which finds the artifact there."""
    answer = inv(clone, "publish", "--artifact", version)
    assert answer.returncode == 5, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    return answer.stderr


def test_four_steps_make_a_verified_artifact(clone: Path, s3: Any) -> None:
    version = published(clone, "0.2.0-dev", ("validate", "build", "bundle", "publish"))
    manifest = verified_manifest(bootstrap.app(clone), "dev", version)
    assert manifest.commit == git(clone, "rev-parse", "HEAD")
    assert manifest.ci_run == "4711"
    head = s3.head_object(Bucket="tiny-artifacts", Key=manifest.bundle.key, ChecksumMode="ENABLED")
    assert head["Metadata"]["workflow-run-id"] == "4711"
    assert head["ContentLength"] == manifest.bundle.size
    answer = inv(clone, "sbom", "--version", version)
    bill = json.loads(answer.stdout)
    assert (answer.returncode, bill["bomFormat"]) == (0, "CycloneDX"), answer.stderr
    assert {part["name"] for part in bill["metadata"]["component"]["components"]} == set(manifest.files)


def test_openssl_verifies_it_with_the_sandboxs_public_key(
    clone: Path, sandbox: Running, s3: Any, tmp_path: Path
) -> None:
    version = published(clone, "0.2.1-dev")
    for name in (layout.MANIFEST, layout.SIGNATURE):
        s3.download_file("tiny-artifacts", key(version, name), str(tmp_path / name))
    command = ["openssl", "dgst", "-sha256", "-verify", str(sandbox.public_key), "-signature", layout.SIGNATURE]
    subprocess.run([*command, layout.MANIFEST], cwd=tmp_path, check=True)
    for name in (layout.PROVENANCE, layout.SBOM):
        s3.download_file("tiny-artifacts", key(version, name), str(tmp_path / name))
        statement, signature, _ = opened((tmp_path / name).read_bytes(), name)
        (tmp_path / layout.SIGNATURE).write_bytes(signature)
        (tmp_path / "signed").write_bytes(to_sign(statement))
        subprocess.run([*command, "signed"], cwd=tmp_path, check=True)


def test_publishing_again_from_another_clone_changes_nothing(clone: Path, sandbox: Running, s3: Any) -> None:
    version = published(clone, "0.2.2-dev")
    before = etags(s3, version)
    other = sandbox.folder / "checkouts" / "again"
    shutil.rmtree(other, ignore_errors=True)
    git(other.parent, "clone", "--quiet", "--branch", version, str(sandbox.origin), other.name)
    assert inv(other, "bundle", "--artifact", version).returncode == 0
    answer = inv(other, "publish", "--artifact", version, "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["manifest"]["ci_run"] == "4711"
    assert "is published already with the same bytes" in answer.stderr
    assert etags(s3, version) == before


def test_other_bytes_under_the_same_id_exit_3_and_change_nothing(clone: Path, s3: Any) -> None:
    version = published(clone, "0.2.3-dev")
    before = etags(s3, version)
    answer = inv(clone, "bundle", "--artifact", version, TAGSHIP_BUNDLE_LEVEL="1")
    assert answer.returncode == 0, answer.stderr
    answer = inv(clone, "publish", "--artifact", version)
    assert answer.returncode == 3
    assert "0.2.3-dev is taken in dev: bundle " in answer.stderr
    assert etags(s3, version) == before


def test_a_manifest_altered_by_one_byte_exits_5(clone: Path, s3: Any) -> None:
    version = published(clone, "0.2.4-dev")
    where = key(version, layout.MANIFEST)
    raw = bytearray(s3.get_object(Bucket="tiny-artifacts", Key=where)["Body"].read())
    raw[len(raw) // 2] ^= 1
    s3.put_object(Bucket="tiny-artifacts", Key=where, Body=bytes(raw))
    assert f"The signature of s3://tiny-artifacts/{where} does not match" in deploys_nothing(clone, version)


def test_a_bundle_altered_in_the_bucket_exits_5(clone: Path, s3: Any) -> None:
    version = published(clone, "0.2.5-dev")
    where = key(version, layout.BUNDLE)
    found = s3.get_object(Bucket="tiny-artifacts", Key=where)
    raw = bytearray(found["Body"].read())
    raw[20] ^= 1
    s3.put_object(
        Bucket="tiny-artifacts", Key=where, Body=bytes(raw), Metadata=found["Metadata"], ChecksumAlgorithm="SHA256"
    )
    said = deploys_nothing(clone, version)
    assert "is not the bundle that its manifest names: sha256" in said


def test_a_tag_that_is_not_on_its_branch_exits_3(clone: Path, tmp_path: Path) -> None:
    git(clone, "checkout", "--quiet", "--detach")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "Nowhere")
    version = tagged(clone, "0.2.6-dev")
    git(clone, "checkout", "--quiet", "dev")
    output = tmp_path / "output"
    answer = inv(clone, "validate", GITHUB_REF_TYPE="tag", GITHUB_REF_NAME=version, GITHUB_OUTPUT=str(output))
    assert answer.returncode == 3
    assert f"{version} is at" in answer.stderr
    assert "not on dev" in answer.stderr
    assert not output.exists()


def test_links_in_the_commit_are_refused_by_name(clone: Path) -> None:
    (clone / "deploy/link").symlink_to("ec2_deploy.sh")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "A link")
    git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/dev")
    version = tagged(clone, "0.2.7-dev")
    answer = inv(clone, "bundle", "--artifact", version)
    git(clone, "reset", "--quiet", "--hard", "HEAD^")
    assert answer.returncode == 3
    assert "deploy/link is a symbolic link" in answer.stderr


def etags(s3: Any, version: str) -> dict[str, Any]:
    listed = s3.list_objects_v2(Bucket="tiny-artifacts", Prefix=f"tiny/dev/{version}/")
    return {one["Key"]: (one["ETag"], one["LastModified"]) for one in listed["Contents"]}
