"""A key signs for its environment and its purpose alone, and nothing once it is revoked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.domain import layout
from tagship.domain.manifest import Manifest
from tagship.errors import NotAuthentic
from tagship.verbs.deploy import deploy
from tagship.verbs.resign import resign
from tests.fakes.app import FakeApp
from tests.fakes.signing import WordSigner
from tests.fakes.target import FakeTarget, machine
from tests.sandbox import keyring
from tests.sandbox.machine import Machine
from tests.sandbox.machine import machine as host_machine
from tests.sandbox.records import put_reset, reset, sealed
from tests.unit.test_permissions import PEOPLE
from tests.unit.test_policies import ACCOUNT, CI, allowed

GOOD, EVIL = "0.1.1-dev", "0.1.2-dev"
DEV, ORDERS, OF_PROD = "dev's", "dev's orders", "prod's"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    """A host of dev that runs GOOD."""
    with host_machine(tmp_path) as one:
        keyring.pin(one, [DEV], [ORDERS])
        good = keyring.signed(GOOD, DEV)
        good.put(one.bucket)
        assert one.deploy(good).outcome == "healthy"
        yield one


def refused(host: Machine, name: str) -> str:
    """Have it ordered to run an artifact that somebody put there, signed with that key."""
    evil = keyring.signed(EVIL, name)
    evil.put(host.bucket)
    answer = host.deploy(evil)
    assert (answer.code, answer.outcome, host.answers()) == (5, "refused", GOOD)
    return str(answer.reason)


def app_with(*names: str, revoked: str = "") -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]), orderer=WordSigner(ORDERS))
    app.signer = app.verifier = WordSigner(*names, revoked=revoked)
    return app


def published(app: FakeApp, version: str, name: str) -> None:
    """Whoever may write to the bucket puts an artifact there, signed with that key, and says so."""
    app.publish(version)
    signer = WordSigner(name)
    for kind in (layout.MANIFEST, layout.SIGNATURE):
        key = layout.artifact("hello", "dev", version, kind)
        stored = app.store.objects[layout.artifact("hello", "dev", version, layout.MANIFEST)]
        if kind == layout.MANIFEST:
            raw = replace(Manifest.from_json(stored.body, key), signed_by=next(iter(signer.public_keys()))).to_json()
        app.store.replace(key, raw if kind == layout.MANIFEST else signer.sign(raw), app.store.objects[key].etag)


def test_an_artifact_signed_by_another_environments_key_is_refused_by_host_and_toolkit(host: Machine) -> None:
    """It says that it is of this environment, and whose key signed it: prod's CI could have made it."""
    assert f"is signed by {keyring.id_of(OF_PROD)}, which is no key pinned on this host" in refused(host, OF_PROD)
    app = app_with(DEV)
    published(app, EVIL, OF_PROD)
    with pytest.raises(NotAuthentic, match="which is none of this environment's"):
        deploy(app, artifact=EVIL)


def test_a_host_of_another_environment_runs_nothing_of_this_one(host: Machine) -> None:
    """Its key is pinned there too, as if the two had one; and the host knows whose it is."""
    (host.root / "etc/tagship/hello/environment").write_text("prod\n")
    answer = host.deploy(keyring.signed(EVIL, DEV))
    assert (answer.code, answer.reason) == (5, "this host is of prod, not of dev")
    assert host.status().outcome == "refused"
    assert host.answers() == GOOD


def test_what_a_revoked_key_signed_is_refused_by_host_and_toolkit(host: Machine) -> None:
    keyring.pin(host, ["dev's new one", DEV], [ORDERS], revoked=[DEV])
    assert f"is signed by {keyring.id_of(DEV)}, and that key is revoked" in refused(host, DEV)
    app = app_with("dev's new one", DEV, revoked=next(iter(WordSigner(DEV).public_keys())))
    published(app, EVIL, DEV)
    for act in (lambda: deploy(app, artifact=EVIL), lambda: resign(app, artifact=EVIL, env="dev")):
        with pytest.raises(NotAuthentic, match="which is revoked"):
            act()
    again = layout.signature_by(app.keys("dev").id)
    assert not any(key.endswith(again) for key in app.store.objects), "nothing was signed again"


def test_a_persons_key_signs_no_artifact(host: Machine) -> None:
    assert "which is no key pinned on this host" in refused(host, ORDERS)
    app = app_with(DEV)
    published(app, EVIL, ORDERS)
    with pytest.raises(NotAuthentic, match="which is none of this environment's"):
        deploy(app, artifact=EVIL)


def test_the_key_that_signs_artifacts_or_another_environments_orders_starts_no_numbers_again(host: Machine) -> None:
    good = keyring.signed(GOOD, DEV)
    for name in (DEV, "prod's orders"):
        raw = sealed(reset(1_000_000_000, key=keyring.id_of(name)), keyring.key(name))
        put_reset(host.bucket, raw)
        assert "is implausible" in host.deploy(good, fence=1_000_000_001).reason


def test_neither_ci_nor_a_person_pins_a_key_on_a_host() -> None:
    """It takes AWS-RunShellScript, or root on the host."""
    for document in ("AWS-RunShellScript", "AWS-StartInteractiveCommand"):
        for arn in (
            f"arn:aws:ssm:us-east-1::document/{document}",
            f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/{document}",
        ):
            assert not any(allowed(given, "ssm:SendCommand", arn) for given in (CI, PEOPLE))
    assert not any(
        allowed(given, f"ssm:{action}", f"arn:aws:ssm:us-east-1:{ACCOUNT}:document/tagship-deploy")
        for given in (CI, PEOPLE)
        for action in ("UpdateDocument", "CreateDocument", "UpdateDocumentDefaultVersion", "StartSession")
    )
