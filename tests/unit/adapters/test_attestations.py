"""GitHub's attestations by the library sigstore, offline: who signed, when, what, and every way to be refused."""

from __future__ import annotations

import base64
import copy
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tagship.adapters.attestations import SigstoreAttestations
from tagship.domain.github_attestation import Attester
from tagship.errors import NotAuthentic, Refused, SettingsError
from tests.fakes.sigstore import NOW, WORKFLOW, Sigstore, statement

DIGEST = "a" * 64
BUILDER = Attester("acme/hello", ["deploy-dev.yml@refs/tags/*-dev"])


@pytest.fixture(scope="module")
def instance() -> Sigstore:
    return Sigstore()


@pytest.fixture
def verifier(instance: Sigstore, tmp_path: Path) -> SigstoreAttestations:
    return SigstoreAttestations(instance.trusted(tmp_path / "trusted_root.json"))


def made(instance: Sigstore, **changes: Any) -> dict[str, Any]:
    return instance.bundle(statement({"bundle": DIGEST}), **changes)


def refused(verifier: SigstoreAttestations, bundle: object, builder: Attester = BUILDER) -> str:
    with pytest.raises(NotAuthentic) as caught:
        verifier.digests(bundle, builder)  # type: ignore[arg-type]
    return caught.value.what


def test_what_the_workflow_attested_is_believed(instance: Sigstore, verifier: SigstoreAttestations) -> None:
    payload = statement({"bundle": DIGEST, "image": "b" * 64})
    assert verifier.digests(instance.bundle(payload), BUILDER) == {f"sha256:{DIGEST}", f"sha256:{'b' * 64}"}


@pytest.mark.parametrize(
    ("workflow", "good"),
    [
        ("acme/hello/.github/workflows/deploy-dev.yml@refs/tags/9.9.9-dev", True),
        ("acme/hello/.github/workflows/deploy-dev.yml@refs/tags/9.9.9-prod", False),
        ("acme/hello/.github/workflows/deploy-dev.yml@refs/heads/main", False),
        ("acme/hello/.github/workflows/ci.yml@refs/tags/0.1.0-dev", False),
        ("acme/other/.github/workflows/deploy-dev.yml@refs/tags/0.1.0-dev", False),
        ("evil/acme/hello/.github/workflows/deploy-dev.yml@refs/tags/0.1.0-dev", False),
    ],
)
def test_the_workflow_has_to_be_the_one_of_the_settings(
    instance: Sigstore, verifier: SigstoreAttestations, workflow: str, good: bool
) -> None:
    bundle = made(instance, workflow=workflow)
    if good:
        assert verifier.digests(bundle, BUILDER)
    else:
        assert f"its workflow is https://github.com/{workflow}, not " in refused(verifier, bundle)


@pytest.mark.parametrize("ref", ["refs/heads/mallory", "refs/tags/0.1.0-prod", "refs/pull/7/merge"])
def test_a_run_of_another_ref_that_calls_the_workflow_is_not_believed(
    instance: Sigstore, verifier: SigstoreAttestations, ref: str
) -> None:
    """Whoever may push a branch may call a workflow of a tag, if it can be called; it builds what the branch has."""
    assert f"its run is of {ref}, not " in refused(verifier, made(instance, ref=ref))


def test_a_run_may_call_a_workflow_of_a_ref_that_is_named_too(
    instance: Sigstore, verifier: SigstoreAttestations
) -> None:
    called = made(instance, workflow=WORKFLOW.replace("0.1.0-dev", "v1-dev"), ref="refs/heads/main")
    assert refused(verifier, called)
    both = Attester("acme/hello", [*BUILDER.workflows, "release.yml@refs/heads/main"])
    assert verifier.digests(called, both)


def test_any_workflow_of_the_repository_may_do_if_none_is_named(
    instance: Sigstore, verifier: SigstoreAttestations
) -> None:
    any_of = Attester("acme/hello", [])
    assert verifier.digests(made(instance, workflow=WORKFLOW.replace("deploy-dev", "x")), any_of)
    assert "its workflow is" in refused(verifier, made(instance, workflow=WORKFLOW.replace("hello", "other")), any_of)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"issuer": "https://gitlab.com"}, "OIDCIssuer does not match"),
        ({"repository": "acme/fork"}, "GitHubWorkflowRepository does not match"),
        ({"signed": NOW + timedelta(hours=1)}, "not valid"),
        ({"signed": NOW - timedelta(hours=1)}, "not valid"),
        ({"payload_type": "text/plain"}, "it is a text/plain"),
    ],
    ids=["another issuer", "a fork", "an expired certificate", "one of the future", "no statement"],
)
def test_another_identity_or_time_is_refused(
    instance: Sigstore, verifier: SigstoreAttestations, changes: dict[str, Any], words: str
) -> None:
    what = refused(verifier, made(instance, **changes))
    assert what.startswith("An attestation is not to be believed: ")
    assert words in what


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (
            statement({"a": DIGEST}, "https://spdx.dev/Document"),
            "it says https://spdx.dev/Document, and not https://slsa",
        ),
        (b'{"_type": "https://in-toto.io/Statement/v0.1"}', "not an in-toto statement of version 1"),
        (b"[]", "not an in-toto statement of version 1"),
        (b"x", "Expecting value"),
    ],
)
def test_a_statement_of_another_kind_is_refused(
    instance: Sigstore, verifier: SigstoreAttestations, payload: bytes, words: str
) -> None:
    assert words in refused(verifier, instance.bundle(payload))


def altered(bundle: dict[str, Any], *path: str | int, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(bundle)
    inner: Any = changed
    for name in path[:-1]:
        inner = inner[name]
    assert inner[path[-1]] != value
    inner[path[-1]] = value
    return changed


def test_a_bundle_that_somebody_altered_is_refused(instance: Sigstore, verifier: SigstoreAttestations) -> None:
    bundle, other = made(instance), made(instance, workflow=WORKFLOW.replace("deploy-dev", "ci"))
    forged = base64.b64encode(statement({"bundle": "e" * 64})).decode()
    signature, entry = ("dsseEnvelope", "signatures", 0, "sig"), ("verificationMaterial", "tlogEntries", 0)
    good: Any = other["dsseEnvelope"]["signatures"]
    assert "signature" in refused(verifier, altered(bundle, "dsseEnvelope", "payload", value=forged))
    assert "signature" in refused(verifier, altered(bundle, *signature, value=good[0]["sig"]))
    assert "log entry" in refused(verifier, altered(bundle, *entry, "integratedTime", value="1795176001"))
    assert "log entry" in refused(verifier, altered(bundle, *entry, "canonicalizedBody", value=forged))
    certificate = ("verificationMaterial", "certificate")
    swapped = altered(other, *certificate, value=bundle["verificationMaterial"]["certificate"])
    assert refused(verifier, swapped).startswith("An attestation is not to be believed: ")
    unlogged = altered(bundle, "verificationMaterial", "tlogEntries", value=[])
    assert "exactly one log entry" in refused(verifier, unlogged)


def test_another_instance_is_not_believed_nor_is_the_tests_own_by_the_root_that_is_carried(
    instance: Sigstore, verifier: SigstoreAttestations
) -> None:
    assert "certificate chain" in refused(verifier, made(Sigstore()))
    assert "certificate chain" in refused(SigstoreAttestations(), made(instance))


@pytest.mark.parametrize(
    "part", ["certificates", "signatures"], ids=["a certificate that was not logged", "a signature that was not logged"]
)
def test_what_the_trusted_logs_did_not_sign_is_refused(
    instance: Sigstore, verifier: SigstoreAttestations, part: str
) -> None:
    """Whoever got the authority to issue a certificate still has to have it, and the signature, logged."""
    rogue = Sigstore(authority=instance.authority, certificates=instance.certificates, signatures=instance.signatures)
    rogue.root = instance.root
    setattr(rogue, part, Sigstore().signatures)
    assert {"certificates": "SCT", "signatures": "log entry"}[part] in refused(verifier, made(rogue))


@pytest.mark.parametrize("bundle", [{}, {"mediaType": "x"}, [], "x", None])
def test_what_is_no_bundle_is_refused(verifier: SigstoreAttestations, bundle: object) -> None:
    assert refused(verifier, bundle).startswith("An attestation is not to be believed: ")


def test_the_words_of_a_stranger_are_shown_as_text_and_not_endlessly(
    instance: Sigstore, verifier: SigstoreAttestations
) -> None:
    what = refused(verifier, made(instance, payload_type="\x1b[2J" + "x" * 5000))
    assert "\x1b" not in what
    assert len(what) < 400


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"mediaType": "x"}', None])
def test_a_trusted_root_that_is_none_is_an_error_of_the_settings(
    instance: Sigstore, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "root.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=r"ci\.trusted_root is 'root\.json', which (can't|has)"):
        SigstoreAttestations(path).digests(made(instance), BUILDER)


def test_of_several_roots_a_line_each_the_one_with_logs_counts(instance: Sigstore, tmp_path: Path) -> None:
    """As `gh attestation trusted-root` writes them: the public instance's, and GitHub's own."""
    public = json.loads(instance.trusted(tmp_path / "public.json").read_text("utf-8"))
    githubs = {**public, "tlogs": [], "ctlogs": [], "timestampAuthorities": public["certificateAuthorities"]}
    path = tmp_path / "trusted_root.jsonl"
    path.write_text("".join(json.dumps(root) + "\n" for root in (githubs, public)), "utf-8")
    assert SigstoreAttestations(path).digests(made(instance), BUILDER) == {f"sha256:{DIGEST}"}
    path.write_text(json.dumps(githubs) + "\n", "utf-8")
    with pytest.raises(SettingsError, match="no root with public logs") as caught:
        SigstoreAttestations(path).digests(made(instance), BUILDER)
    assert caught.value.remedy == "Write it: gh attestation trusted-root >trusted_root.jsonl"


def test_what_a_private_repository_attested_is_refused_for_the_entry_that_it_lacks(
    instance: Sigstore, verifier: SigstoreAttestations
) -> None:
    """docs/attestations.md quotes the library; a library that can take them fails this."""
    bundle = made(instance)
    bundle["verificationMaterial"]["tlogEntries"] = []
    assert "expected exactly one log entry in bundle" in refused(verifier, bundle)


def test_without_the_library_it_says_how_to_get_it(instance: Sigstore, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = made(instance)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sigstore", None)
    with pytest.raises(Refused) as caught:
        SigstoreAttestations().digests(bundle, BUILDER)
    assert caught.value.remedy == 'pip install "tagship[attestations]"'
