"""Provenance on a host that requires it: named by the signed manifest, and as it is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.domain import layout
from tagship.domain.manifest import sha256
from tests.sandbox.bundles import Bundle
from tests.sandbox.keyring import pin, signed
from tests.sandbox.machine import Machine, machine

V1, V2, V3 = "0.1.1-dev", "0.1.2-dev", "0.1.3-dev"
SAID = b"the provenance\n"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def attested(host: Machine, artifact: str, said: bytes | None = SAID) -> Bundle:
    """An artifact whose manifest names SAID, and what is in the bucket under that name."""
    bundle = signed(artifact, "key", provenance_sha256=sha256(SAID))
    bundle.put(host.bucket)
    if said is not None:
        provenance(host, artifact).write_bytes(said)
    return bundle


def provenance(host: Machine, artifact: str) -> Path:
    return host.bucket / layout.artifact("hello", "dev", artifact, layout.PROVENANCE)


def test_a_host_that_requires_provenance_runs_what_has_it_and_nothing_else(host: Machine) -> None:
    pin(host, ["key"], attested=True)
    assert host.deploy(attested(host, V1)).outcome == "healthy"
    without = signed(V2, "key")
    without.put(host.bucket)
    answer = host.deploy(without)
    assert (answer.code, answer.outcome, host.answers()) == (5, "refused", V1)
    assert answer.reason == f"{V2} has no provenance, and this host requires it"
    other = host.deploy(attested(host, V2, b"another\n"))
    assert (other.code, host.answers()) == (5, V1)
    assert other.reason == f"the provenance of {V2} is not the one that its manifest names"
    gone = host.deploy(attested(host, V3, None))
    assert (gone.code, host.answers()) == (5, V1)
    assert "provenance.json could not be fetched" in gone.reason


def test_a_kept_version_is_gone_back_to_without_the_bucket(host: Machine) -> None:
    pin(host, ["key"], attested=True)
    first, second = attested(host, V1), attested(host, V2)
    assert [host.deploy(bundle).outcome for bundle in (first, second)] == ["healthy", "healthy"]
    provenance(host, V1).unlink()
    assert host.rollback(first).outcome == "healthy"
    assert host.answers() == V1


def test_what_is_kept_from_before_a_host_required_it_gets_its_provenance_once(host: Machine) -> None:
    pin(host, ["key"])
    first, second = attested(host, V1), attested(host, V2)
    assert [host.deploy(bundle).outcome for bundle in (first, second)] == ["healthy", "healthy"]
    pin(host, ["key"], attested=True)
    (host.bucket / f"hello/dev/{V1}/deploy-bundle.tar.gz").unlink()
    assert host.rollback(first).outcome == "healthy"
    provenance(host, V1).unlink()
    assert host.rollback(second).outcome == "healthy"
    assert host.rollback(first).outcome == "healthy"


def test_a_host_that_requires_none_asks_for_none_and_pinning_again_takes_the_requirement_back(host: Machine) -> None:
    pin(host, ["key"], attested=True)
    pin(host, ["key"])
    assert host.deploy(attested(host, V1, None)).outcome == "healthy"
