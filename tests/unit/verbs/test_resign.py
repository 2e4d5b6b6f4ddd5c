"""resign: what runs and what can be gone back to gets today's signature, and nothing that is not believed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tagship.adapters.targets.ec2.pointer import StoredPointer
from tagship.domain import layout
from tagship.domain.ec2.pointer import Pointer
from tagship.domain.fence import GENERATION, FenceReset
from tagship.domain.keys import key_id
from tagship.domain.sealed import unsealed
from tagship.engine.fences import last_reset, publish, sealed_reset
from tagship.errors import UNCHANGED, NotAuthentic, ServiceFailed, SettingsError
from tagship.verbs.deploy import deploy
from tagship.verbs.resign import resign
from tagship.verbs.rollback import rollback
from tests.fakes.app import FakeApp, environments, settings
from tests.fakes.signing import WordSigner, public
from tests.fakes.target import FakeTarget, machine

V1, V2, V3 = "0.1.1-dev", "0.1.2-dev", "0.1.3-dev"
OLD, NEW = key_id(public("old")), key_id(public("new"))


@dataclass
class Signed(FakeTarget):
    """Units whose boot obeys a pointer in the store."""

    context: FakeApp = field(default=None)  # type: ignore[assignment]

    def pin(self, *_: object) -> list[object]:
        raise AssertionError

    def resign(self, *, dry_run: bool) -> str:
        return StoredPointer(self.context, "dev").resign(dry_run=dry_run)


@pytest.fixture
def app() -> FakeApp:
    """V1 and V2 were healthy, V2 runs; V3 was never deployed. The key has changed since."""
    app = FakeApp(hosts=Signed([machine("web-1")]), orderer=WordSigner("orders"))
    app.hosts.context = app  # type: ignore[attr-defined]
    app.signer = app.verifier = WordSigner("old")
    app.publish(V1, V2, V3)
    for version in (V1, V2):
        deploy(app, artifact=version)
        app.clock.advance(1)
    app.signer = app.verifier = WordSigner("new", "old")
    return app


def object_of(version: str, name: str) -> str:
    return layout.artifact("hello", "dev", version, name)


def signatures(app: FakeApp) -> set[str]:
    return {key for key in app.store.objects if key.endswith(layout.signature_by(NEW))}


def test_what_runs_and_what_can_be_gone_back_to_gets_an_object_beside_its_own(app: FakeApp) -> None:
    before = dict(app.store.objects)
    result = resign(app, env="dev")
    assert sorted(result.signed) == [V1, V2]
    assert (result.key, result.already, result.done) == (NEW, [], True)
    assert signatures(app) == {object_of(version, layout.signature_by(NEW)) for version in (V1, V2)}
    for key, stored in before.items():
        assert app.store.objects[key].body == stored.body, "nothing is written over"
    for version in (V1, V2):
        stored = app.store.objects[object_of(version, layout.signature_by(NEW))]
        assert stored.metadata == app.store.objects[object_of(version, layout.MANIFEST)].metadata


def test_a_rollback_goes_back_over_the_change_when_the_old_key_is_gone(app: FakeApp) -> None:
    resign(app, env="dev")
    app.signer = app.verifier = WordSigner("new")
    assert rollback(app, to=V1).state == "healthy"
    with pytest.raises(NotAuthentic, match=f"signed by the key {OLD}, which does not belong to this environment"):
        deploy(app, artifact=V3)


def test_a_second_run_signs_nothing_again(app: FakeApp) -> None:
    resign(app, env="dev")
    before = dict(app.store.objects)
    result = resign(app, env="dev")
    assert (list(result.signed), sorted(result.already)) == ([], [V1, V2])
    assert app.store.objects == before


def test_a_dry_run_says_what_would_be_signed_and_writes_nothing(app: FakeApp) -> None:
    before = dict(app.store.objects)
    result = resign(app, env="dev", dry_run=True)
    assert (sorted(result.signed), result.done) == ([V1, V2], False)
    assert app.store.objects == before
    assert f"{V1}: to be signed" in app.screen.lines


def test_one_artifact_can_be_named(app: FakeApp) -> None:
    assert resign(app, env="dev", artifact=V3).signed == (V3,)
    assert signatures(app) == {object_of(V3, layout.signature_by(NEW))}


def test_what_is_not_believed_today_is_not_signed_and_the_others_are(app: FakeApp) -> None:
    key = object_of(V1, layout.MANIFEST)
    body = app.store.objects[key].body.replace(b'"tag"', b'"tAg"')
    app.store.replace(key, body, app.store.objects[key].etag)
    with pytest.raises(NotAuthentic) as caught:
        resign(app, env="dev")
    assert "1 artifact of dev can't be signed again" in caught.value.what
    assert signatures(app) == {object_of(V2, layout.signature_by(NEW))}


def test_a_dry_run_claims_no_signature_of_the_others(app: FakeApp) -> None:
    app.store.objects[object_of(V1, layout.SIGNATURE)] = app.store.objects[object_of(V2, layout.SIGNATURE)]
    with pytest.raises(NotAuthentic) as caught:
        resign(app, env="dev", dry_run=True)
    assert caught.value.state == UNCHANGED


def silence(app: FakeApp, key: str) -> None:
    """Have the bucket fail at writes of that key."""

    def fail(_verb: str, written: str) -> None:
        if written == key:
            raise ServiceFailed("S3 is down.", remedy="Wait.")

    app.store.before = fail


def test_what_was_signed_before_the_bucket_failed_is_said(app: FakeApp) -> None:
    silence(app, object_of(V1, layout.signature_by(NEW)))
    with pytest.raises(ServiceFailed) as caught:
        resign(app, env="dev")
    assert caught.value.state == f"Signed by today's keys by then: {V2}."
    assert signatures(app) == {object_of(V2, layout.signature_by(NEW))}


def test_an_artifact_that_nobody_signed_is_not_signed_by_that(app: FakeApp) -> None:
    app.settings = settings(environments=environments(allow_unsigned=True))
    app.publish("0.1.4-dev", signed=False)
    with pytest.raises(NotAuthentic, match=r"0\.1\.4-dev is unsigned"):
        resign(app, env="dev", artifact="0.1.4-dev")


def test_without_keys_there_is_nothing_to_sign_with(app: FakeApp) -> None:
    app.settings = settings(signing=None, environments=environments(allow_unsigned=True))
    with pytest.raises(SettingsError, match=r"no \[signing\] table"):
        resign(app, env="dev")


def test_the_pointer_and_the_last_reset_are_signed_by_todays_key_for_orders(app: FakeApp) -> None:
    pointer = Pointer("hello", "dev", V2, "ab" * 32, "d-1", 2)
    StoredPointer(app, "dev").point(pointer)
    reset = FenceReset("hello", "dev", GENERATION, app.clock.now().isoformat(), "ada@laptop", "why")
    publish(app, reset, sealed_reset(app, reset))
    app.orderer = WordSigner("orders-2", "orders")
    today = key_id(public("orders-2"))
    shown = resign(app, env="dev", dry_run=True).orders
    assert shown == [
        f"the last reset of the fencing numbers: to be signed by {today}",
        f"the pointer to {V2}: to be signed by {today}",
    ]
    assert len(resign(app, env="dev").orders) == 2
    app.orderer = WordSigner("orders-2")  # the old one is taken away
    assert StoredPointer(app, "dev").uncommitted(V2) == ""
    assert last_reset(app, "dev") == replace(reset, key=today)
    for key in (layout.pointer("hello", "dev"), layout.fence("hello", "dev")):
        sealed = unsealed(app.store.objects[key].body)
        assert sealed
        assert sealed.values["key"] == today
    assert resign(app, env="dev").orders == []


def test_a_pointer_that_cannot_be_written_again_fails_and_is_not_called_signed(app: FakeApp) -> None:
    """Whoever took the old key away then would have hosts that boot start nothing."""
    StoredPointer(app, "dev").point(Pointer("hello", "dev", V2, "ab" * 32, "d-1", 2))
    was = key_id(public("orders"))
    app.orderer = WordSigner("orders-2", "orders")
    silence(app, layout.pointer("hello", "dev"))
    with pytest.raises(ServiceFailed, match=r"could not be signed again \(S3 is down\)") as caught:
        resign(app, env="dev")
    assert caught.value.state == f"It may still be signed by {was}: keep that key, or hosts that boot start nothing."
    assert caught.value.remedy == "Run it again: inv resign --env dev"
    assert not [line for line in app.screen.lines if line.startswith("the pointer to")]


def test_a_pointer_that_no_key_proves_is_refused_and_left(app: FakeApp) -> None:
    StoredPointer(app, "dev").point(Pointer("hello", "dev", V2, "ab" * 32, "d-1", 2))
    before = app.store.objects[layout.pointer("hello", "dev")]
    app.orderer = WordSigner("orders-2")
    with pytest.raises(NotAuthentic, match="which does not belong to this environment"):
        resign(app, env="dev")
    assert app.store.objects[layout.pointer("hello", "dev")] == before


def test_a_reset_that_was_signed_before_the_pointer_was_refused_is_said(app: FakeApp) -> None:
    StoredPointer(app, "dev").point(Pointer("hello", "dev", V2, "ab" * 32, "d-1", 2))
    app.orderer = WordSigner("orders-1")
    reset = FenceReset("hello", "dev", GENERATION, app.clock.now().isoformat(), "ada@laptop", "why")
    publish(app, reset, sealed_reset(app, reset))
    app.orderer = WordSigner("orders-2", "orders-1")  # what signed the pointer is believed no more
    with pytest.raises(NotAuthentic) as caught:
        resign(app, env="dev")
    today = app.keys("dev", "orders").id
    reset_too = f"{V2}, {V1}, the last reset of the fencing numbers"
    assert caught.value.state == f"Signed by today's keys by then: {reset_too}."
    assert unsealed(app.store.objects[layout.fence("hello", "dev")].body).values["key"] == today  # type: ignore[union-attr]
