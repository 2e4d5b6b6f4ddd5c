"""A key signs for its environment and its purpose alone, and nothing once it is revoked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tagship.adapters.signing import PemSigner, PemVerifier
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


def keys(folder: Path, *names: str, revoked: Sequence[str] = ()) -> tuple[PemSigner, PemVerifier]:
    """The real signer of the first key, and the verifier of all."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private, public = folder / f"{names[0]}.key.pem", folder / f"{names[0]}.pub.pem"
    private.write_bytes(keyring.key(names[0]).private_bytes(*form))
    public.write_text("".join(map(keyring.pem, names)))
    return PemSigner(private), PemVerifier(public, frozenset(map(keyring.id_of, revoked)))


def app_with(folder: Path, *names: str, revoked: Sequence[str] = ()) -> FakeApp:
    app = FakeApp(hosts=FakeTarget([machine("web-1")]), orderer=WordSigner(ORDERS))
    app.signer, app.verifier = keys(folder, *names, revoked=revoked)  # type: ignore[assignment]
    return app


def published(app: FakeApp, folder: Path, version: str, name: str) -> None:
    """Whoever may write to the bucket puts an artifact there, signed with that key, and says so."""
    app.publish(version)
    manifest = layout.artifact("hello", "dev", version, layout.MANIFEST)
    stored = app.store.objects[manifest]
    raw = replace(Manifest.from_json(stored.body, manifest), signed_by=keyring.id_of(name)).to_json()
    app.store.replace(manifest, raw, stored.etag)
    signature = layout.artifact("hello", "dev", version, layout.SIGNATURE)
    app.store.replace(signature, keys(folder, name)[0].sign(raw), app.store.objects[signature].etag)


def test_an_artifact_signed_by_another_environments_key_is_refused_by_host_and_toolkit(
    host: Machine, tmp_path: Path
) -> None:
    """It says that it is of this environment, and whose key signed it: prod's CI could have made it."""
    assert f"is signed by {keyring.id_of(OF_PROD)}, which is no key pinned on this host" in refused(host, OF_PROD)
    app = app_with(tmp_path, DEV)
    published(app, tmp_path, EVIL, OF_PROD)
    with pytest.raises(NotAuthentic, match="which does not belong to this environment"):
        deploy(app, artifact=EVIL)


def test_a_host_of_another_environment_runs_nothing_of_this_one(host: Machine) -> None:
    """Its key is pinned there too, as if the two had one; and the host knows whose it is."""
    (host.root / "etc/tagship/hello/environment").write_text("prod\n")
    answer = host.deploy(keyring.signed(EVIL, DEV))
    assert (answer.code, answer.reason) == (5, "this host is of prod, not of dev")
    assert host.status().outcome == "refused"
    assert host.answers() == GOOD


def test_what_a_revoked_key_signed_is_refused_by_host_and_toolkit(host: Machine, tmp_path: Path) -> None:
    keyring.pin(host, ["dev's new one", DEV], [ORDERS], revoked=[DEV])
    assert f"is signed by {keyring.id_of(DEV)}, and that key is revoked" in refused(host, DEV)
    app = app_with(tmp_path, "dev's new one", DEV, revoked=[DEV])
    published(app, tmp_path, EVIL, DEV)
    for act in (lambda: deploy(app, artifact=EVIL), lambda: resign(app, artifact=EVIL, env="dev")):
        with pytest.raises(NotAuthentic, match="which is revoked"):
            act()
    again = layout.signature_by(app.keys("dev").id)
    assert not any(key.endswith(again) for key in app.store.objects), "nothing was signed again"


def test_a_persons_key_signs_no_artifact(host: Machine, tmp_path: Path) -> None:
    assert "which is no key pinned on this host" in refused(host, ORDERS)
    app = app_with(tmp_path, DEV)
    published(app, tmp_path, EVIL, ORDERS)
    with pytest.raises(NotAuthentic, match="which does not belong to this environment"):
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
