"""Who wrote to the bucket, or signed somewhere else, vouches for nothing where provenance is required."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.github_attestation import written
from tagship.domain.version import ArtifactId
from tagship.engine.artifacts import stored_manifest
from tagship.errors import NotAuthentic
from tagship.verbs.deploy import deploy
from tagship.verbs.publish import publish
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp
from tests.fakes.sigstore import NOW, Sigstore, statement
from tests.fakes.target import FakeTarget, machine
from tests.program.test_host_attestations import V1, V2, attested, provenance
from tests.sandbox.keyring import pin
from tests.sandbox.machine import Machine
from tests.sandbox.machine import machine as host_machine
from tests.unit.ci import VERSION
from tests.unit.engine.test_attested import PROVENANCE, WORKFLOW, published, requiring
from tests.unit.engine.test_github_attested import INSTANCE, KEY
from tests.unit.engine.test_github_attested import made as requiring_github


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    """A host of dev that requires provenance, and runs V1."""
    with host_machine(tmp_path) as one:
        pin(one, ["key"], attested=True)
        assert one.deploy(attested(one, V1)).outcome == "healthy"
        yield one


def refused(app: FakeApp, words: str) -> None:
    """Neither a deployment nor a rollback begins."""
    app.hosts = FakeTarget([machine("web-1")])
    with pytest.raises(NotAuthentic, match=words):
        deploy(app, artifact=VERSION)
    with pytest.raises(NotAuthentic, match=words):
        rollback(app, to=VERSION, env="dev", yes=True)
    assert (app.hosts.sent, app.ledger.deployments("dev")) == ([], [])


def test_provenance_that_was_exchanged_in_the_bucket_is_not_believed(tmp_path: Path) -> None:
    app = published(tmp_path)
    other = published(tmp_path / "other", WORKFLOW.replace("tags/0.1.0-dev", "heads/feature"))
    app.store.objects[PROVENANCE] = replace(other.store.objects[PROVENANCE])
    refused(app, "is not the one that the manifest")
    with pytest.raises(NotAuthentic, match="is not the one that the manifest"):
        publish(app, artifact=VERSION)


@pytest.mark.parametrize("workflow", ["", WORKFLOW.replace("deploy-dev", "ci")], ids=["by hand", "another workflow"])
def test_what_was_signed_outside_of_the_environments_workflow_is_not_deployed(workflow: str, tmp_path: Path) -> None:
    """By a person who got hold of the release key, or a workflow of their own that got the role."""
    app = published(tmp_path, workflow, required=False)
    app.settings = requiring(tmp_path / "same").settings
    refused(app, r"was published by .*dev requires deploy-dev\.yml")


def test_a_host_that_requires_provenance_runs_nothing_without_it(host: Machine) -> None:
    """Whoever may send an order, and write to the bucket: they have no key to sign a manifest with."""
    evil = attested(host, V2, b"another\n")
    answer = host.deploy(evil)
    assert (answer.code, host.answers()) == (5, V1)
    assert "is not the one that its manifest names" in answer.reason
    provenance(host, V2).unlink()
    assert (host.deploy(evil).code, host.answers()) == (5, V1)


def test_who_holds_the_release_key_and_the_bucket_still_lacks_githubs_word(tmp_path: Path) -> None:
    """Signed manifest, signed provenance that names the workflow: all that the stolen key can make."""
    app = requiring_github(tmp_path)
    refused(app, "has no attestation by acme/hello/deploy-dev.yml@refs/tags/")


@pytest.mark.parametrize(
    "lie",
    [
        {"workflow": WORKFLOW.replace("deploy-dev", "ci")},
        {"workflow": WORKFLOW.replace("tags/0.1.0-dev", "heads/feature")},
        {"ref": "refs/heads/feature"},
        {"repository": "acme/fork"},
        {"issuer": "https://gitlab.com"},
        {"signed": NOW + timedelta(days=1)},
        {"digest": "e" * 64},
        {"instance": Sigstore()},
    ],
    ids=[
        *("another workflow", "a branch", "a branch that calls it", "a fork", "another issuer", "expired"),
        *("other bytes", "own instance"),
    ],
)
def test_attestations_that_somebody_put_into_the_bucket_are_not_believed(tmp_path: Path, lie: dict[str, Any]) -> None:
    app = requiring_github(tmp_path)
    manifest = stored_manifest(app, "dev", ArtifactId(VERSION))
    assert manifest
    instance, digest = lie.pop("instance", INSTANCE), lie.pop("digest", manifest.bundle.sha256)
    bundle = instance.bundle(statement({"bundle": digest}), **{"workflow": WORKFLOW, **lie})
    app.store.create(KEY, written([bundle]))
    refused(app, "has no attestation by acme/hello/deploy-dev.yml@refs/tags/")
