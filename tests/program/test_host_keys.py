"""The keys that a host believes: several at once, each by its id; revoked ones, and how keys are changed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.domain.keys import key_id
from tests.sandbox.bundles import make, public_pem, release_key
from tests.sandbox.keyring import id_of, key, pem, pin, resign, signed
from tests.sandbox.machine import Machine, machine
from tests.sandbox.records import put_reset, reset, sealed

V1, V2, V3 = "0.1.1-dev", "0.1.2-dev", "0.1.3-dev"
START = 1_000_000_000


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as one:
        yield one


def pinned(host: Machine, folder: str) -> list[str]:
    return sorted(file.stem for file in (host.root / "etc/tagship/hello" / folder).iterdir())


def test_a_host_believes_each_key_that_is_pinned_and_a_rollback_goes_back_over_their_change(host: Machine) -> None:
    """From the old key to the new without a stop: both are pinned meanwhile, and what is kept needs no fetching."""
    old, new = signed(V1, "old"), signed(V2, "new")
    for bundle in (old, new):
        bundle.put(host.bucket)
    assert pin(host, ["old"])["outcome"] == "unchanged"
    assert host.deploy(old).outcome == "healthy"
    early = host.deploy(new)
    assert (early.code, early.serving) == (5, V1)
    assert f"{id_of('new')}, which is no key pinned on this host" in early.reason
    assert "inv pin --env dev" in early.reason
    assert pin(host, ["new", "old"])["reason"].startswith("pinned for dev: keys.d/")
    assert host.deploy(new).outcome == "healthy"
    (host.bucket / f"hello/dev/{V1}/deploy-bundle.tar.gz").unlink()  # a kept version is not fetched
    assert host.rollback(old).outcome == "healthy"
    assert host.answers() == V1


def test_what_was_signed_again_is_gone_back_to_without_the_old_key(host: Machine) -> None:
    old, new = signed(V1, "old"), signed(V2, "new")
    for bundle in (old, new):
        bundle.put(host.bucket)
    pin(host, ["new", "old"])
    assert [host.deploy(bundle).outcome for bundle in (old, new)] == ["healthy", "healthy"]
    resign(host, old, "new")
    pin(host, ["new"])
    (
        host.bucket / f"hello/dev/{V1}/deploy-bundle.tar.gz"
    ).unlink()  # the signature alone is fetched, beside what is kept
    assert host.rollback(old).outcome == "healthy"
    assert (host.base / f"releases/{V1}/manifest.{id_of('new')}.sig").exists()
    assert host.status().outcome == "healthy"


def test_what_was_signed_again_is_fetched_by_a_host_that_never_had_it(host: Machine) -> None:
    old = signed(V1, "old")
    old.put(host.bucket)
    resign(host, old, "new")
    pin(host, ["new"])
    assert host.deploy(old).outcome == "healthy"


def test_status_of_what_runs_is_told_after_its_key_was_taken_away(host: Machine) -> None:
    old = signed(V1, "old")
    old.put(host.bucket)
    pin(host, ["new", "old"])
    host.deploy(old)
    pin(host, ["new"])
    assert host.status().outcome == "refused"
    resign(host, old, "new")
    assert host.status().outcome == "healthy"


def test_what_serves_is_started_again_by_the_signature_of_today(host: Machine) -> None:
    """It died, the next version fails, and its own key is gone: stage 2 fetches the signature, too."""
    old, bad = signed(V1, "old"), signed(V2, "new", {"healthy": False})
    for bundle in (old, bad):
        bundle.put(host.bucket)
    pin(host, ["new", "old"])
    host.deploy(old)
    resign(host, old, "new")
    pin(host, ["new"])
    os.killpg(int(host.record("blue")[0] if host.record("blue") else host.record("green")[0]), signal.SIGKILL)
    answer = host.deploy(bad)
    assert (answer.serving, host.answers()) == (V1, V1), answer.output


def test_what_a_revoked_key_signed_is_refused_fetched_or_kept_and_what_runs_runs_on(host: Machine) -> None:
    old, new, late = signed(V1, "old"), signed(V2, "new"), signed(V3, "old")
    for bundle in (old, new, late):
        bundle.put(host.bucket)
    pin(host, ["new", "old"])
    for bundle in (new, old):
        host.rollback(bundle)
    pin(host, ["new", "old"], revoked=["old"])  # whoever pins it again, by hand or by an image
    for answer in (host.deploy(late), host.rollback(old)):
        assert (answer.code, host.answers()) == (5, V1)
        assert f"signed by {id_of('old')}, and that key is revoked" in answer.reason
    assert host.rollback(new).outcome == "healthy"


def test_an_artifact_from_before_keys_had_ids_is_believed_by_any_pinned_key(host: Machine) -> None:
    old = make(V1, key=key("old"))
    assert b"signed_by" not in old.manifest
    old.put(host.bucket)
    pin(host, ["new", "old"])
    assert host.deploy(old).outcome == "healthy"


def test_a_manifest_that_names_another_pinned_key_than_its_own_is_refused(host: Machine) -> None:
    odd = make(V1, key=key("old"), signed_by=id_of("new"))
    odd.put(host.bucket)
    pin(host, ["new", "old"])
    answer = host.deploy(odd)
    assert (answer.code, "not signed by a key pinned on this host" in answer.reason) == (5, True)


@pytest.mark.parametrize("name", ["../x", "*", "0123", "0123456789abcdeg"])
def test_a_manifest_that_names_no_key_by_its_id_is_refused(host: Machine, name: str) -> None:
    odd = make(V1, key=key("old"), signed_by=name)
    odd.put(host.bucket)
    pin(host, ["old"])
    assert "names no key" in host.deploy(odd).reason


def test_the_keys_of_before_are_those_of_an_older_tagship_until_others_are_pinned(host: Machine) -> None:
    by_release_key = make(V1)
    today = make(V2, signed_by=key_id(public_pem(release_key()).decode()))
    for bundle in (by_release_key, today):
        bundle.put(host.bucket)
        assert host.deploy(bundle).outcome == "healthy"
    pin(host, ["new"])
    assert host.rollback(by_release_key).outcome == "refused"


def test_a_reset_is_believed_by_the_keys_for_orders_alone(host: Machine) -> None:
    bundle = signed(V1, "old")
    bundle.put(host.bucket)
    pin(host, ["old"], ["orders"])
    for name in ("old", "another"):
        put_reset(host.bucket, sealed(reset(START, key=id_of(name)), key(name)))
        assert host.deploy(bundle, fence=START + 1).outcome == "refused"
    put_reset(host.bucket, sealed(reset(START, key=id_of("orders")), key("orders")))
    assert host.deploy(bundle, fence=START + 1).outcome == "healthy"


def test_pinning_leaves_those_keys_and_no_others(host: Machine) -> None:
    for release, orders in ((["a", "b"], ["c"]), (["b"], ["c", "d"]), (["e"], ["e"])):
        pin(host, release, orders)
        assert pinned(host, "keys.d") == sorted(map(id_of, release))
        assert pinned(host, "orders.d") == sorted(map(id_of, orders))
    folder = host.root / "etc/tagship/hello"
    assert (folder / f"keys.d/{id_of('e')}.pem").read_text() == pem("e")
    assert (folder / "environment").read_text() == "dev\n"
    assert not (folder / "new").exists()


def test_pinning_for_another_environment_is_refused_and_changes_nothing(host: Machine) -> None:
    pin(host, ["a"])
    answer = pin(host, ["b"], environment="prod")
    assert answer["outcome"] == "refused"
    assert "this host is of dev, not of prod" in answer["reason"]
    assert pinned(host, "keys.d") == [id_of("a")]


def test_a_hosts_state_tells_who_signed_what_it_keeps(host: Machine) -> None:
    bundle = signed(V1, "old")
    bundle.put(host.bucket)
    pin(host, ["old"])
    host.deploy(bundle)
    kept = json.loads((host.base / f"releases/{V1}/manifest.json").read_text())
    assert kept["signed_by"] == id_of("old")
