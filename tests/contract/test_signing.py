"""Signatures, by a PEM key and by KMS, as openssl and our own verifier read them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.adapters.aws.session import Aws
from tagship.adapters.signing import RAW_LIMIT, KmsSigner, PemSigner, PemVerifier, message, signer
from tagship.domain.keys import key_id, with_first
from tagship.errors import NotAuthentic, ServiceFailed, SettingsError
from tagship.ports.account import Signer, Verifier
from tests.contract import strict_aws
from tests.fakes.signing import WordSigner

SHORT = b'{"artifact_id": "0.1.0-dev"}\n'
LONG = b"x" * (RAW_LIMIT + 1)

Pair = tuple[Signer, Verifier]


def pem(folder: Path) -> Pair:
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "release.key.pem")
    run("openssl", "ec", "-in", folder / "release.key.pem", "-pubout", "-out", folder / "release.pub.pem")
    return PemSigner(folder / "release.key.pem"), PemVerifier(folder / "release.pub.pem")


def kms(folder: Path) -> Pair:
    client = strict_aws.aws().client("kms")
    key = client.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]
    der = client.get_public_key(KeyId=key)["PublicKey"]
    (folder / "release.pub.der").write_bytes(der)
    run(
        "openssl",
        "pkey",
        "-pubin",
        "-inform",
        "DER",
        "-in",
        folder / "release.pub.der",
        "-out",
        folder / "release.pub.pem",
    )
    return KmsSigner(strict_aws.aws(), key), PemVerifier(folder / "release.pub.pem")


def word(_folder: Path) -> Pair:
    both = WordSigner()
    return both, both


@pytest.fixture(params=[pem, kms, word], ids=["pem", "kms", "fake"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    make: Callable[[Path], Pair] = request.param
    return make(tmp_path)


def test_what_is_signed_verifies(pair: Pair) -> None:
    signs, verifies = pair
    verifies.verify(SHORT, signs.sign(SHORT), "s3://b/manifest.json")


def test_every_flipped_byte_of_message_or_signature_is_refused(pair: Pair) -> None:
    signs, verifies = pair
    signature = signs.sign(SHORT)
    for at in range(len(SHORT)):
        with pytest.raises(NotAuthentic, match=r"s3://b/manifest\.json"):
            verifies.verify(flipped(SHORT, at), signature, "s3://b/manifest.json")
    for at in range(len(signature)):
        with pytest.raises(NotAuthentic):
            verifies.verify(SHORT, flipped(signature, at), "s3://b/manifest.json")


def test_a_cut_empty_or_foreign_signature_is_refused(pair: Pair) -> None:
    signs, verifies = pair
    signature = signs.sign(SHORT)
    for other in (b"", signature[:-1], signature + b"\0", b"-----BEGIN", signs.sign(LONG[:RAW_LIMIT])):
        with pytest.raises(NotAuthentic):
            verifies.verify(SHORT, other, "manifest.json")


@pytest.mark.parametrize("make", [pem, kms], ids=["pem", "kms"])
def test_openssl_on_a_host_accepts_the_signature(make: Callable[[Path], Pair], tmp_path: Path) -> None:
    signs, _ = make(tmp_path)
    assert openssl_verifies(tmp_path, SHORT, signs.sign(SHORT))
    assert not openssl_verifies(tmp_path, flipped(SHORT, 3), signs.sign(SHORT))


@pytest.mark.parametrize("make", [pem, kms], ids=["pem", "kms"])
def test_openssl_accepts_the_signature_of_a_long_manifest(make: Callable[[Path], Pair], tmp_path: Path) -> None:
    signs, _ = make(tmp_path)
    assert openssl_verifies(tmp_path, LONG, signs.sign(LONG))


def test_kms_is_given_a_digest_above_its_limit_and_the_bytes_below() -> None:
    """The strict KMS is ours: the request is held to AWS's own model of Sign too."""
    import botocore.session

    assert message(SHORT) == {"Message": SHORT, "MessageType": "RAW"}
    assert message(LONG[:RAW_LIMIT])["MessageType"] == "RAW"
    assert (message(LONG)["MessageType"], len(message(LONG)["Message"])) == ("DIGEST", 32)
    model = botocore.session.get_session().get_service_model("kms").operation_model("Sign").input_shape
    assert model.members["Message"].metadata["max"] == RAW_LIMIT
    assert {"RAW", "DIGEST"} <= set(model.members["MessageType"].enum)


def test_kms_refuses_bytes_above_its_limit_as_aws_does() -> None:
    client = strict_aws.aws().client("kms")
    key = client.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")["KeyMetadata"]["KeyId"]
    for raw, kind in ((LONG, "RAW"), (b"x" * 31, "DIGEST")):
        with pytest.raises(client.exceptions.ClientError, match="ValidationException"):
            client.sign(KeyId=key, Message=raw, MessageType=kind, SigningAlgorithm="ECDSA_SHA_256")


def test_a_setting_names_the_signer() -> None:
    aws = Aws("us-east-1")
    assert signer("kms:alias/release", aws) == KmsSigner(aws, "alias/release")
    assert signer("keys/release.pem", aws) == PemSigner(Path("keys/release.pem"))


def test_a_kms_key_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match="signing with kms:alias/none"):
        KmsSigner(strict_aws.aws(), "alias/none").sign(SHORT)


@pytest.mark.parametrize("content", [None, b"", b"not a key", "rsa"], ids=["missing", "empty", "garbage", "rsa"])
def test_a_key_that_cannot_be_used_names_the_setting_and_the_command(
    content: bytes | str | None, tmp_path: Path
) -> None:
    private, public = tmp_path / "k.pem", tmp_path / "p.pem"
    if content == "rsa":
        run("openssl", "genrsa", "-out", private, "2048")
        run("openssl", "rsa", "-in", private, "-pubout", "-out", public)
    elif isinstance(content, bytes):
        private.write_bytes(content)
        public.write_bytes(content)
    with pytest.raises(SettingsError, match=r"signing\.key cannot be used: .*k\.pem") as caught:
        PemSigner(private).sign(SHORT)
    assert "openssl ecparam -name prime256v1" in caught.value.remedy
    with pytest.raises(SettingsError, match=r"signing\.public_key cannot be used: .*p\.pem"):
        PemVerifier(public).verify(SHORT, b"", "manifest.json")


REASONS = {
    "missing": (None, "No such file or directory"),
    "garbage": ("not a key", "it is not a PEM key without a password"),
    "rsa": (["genrsa", "2048"], "it is not a P-256 key"),
    "another curve": (["ecparam", "-name", "secp384r1", "-genkey", "-noout"], "it is not a P-256 key"),
    "a password": (
        ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:x"],
        "it is not a PEM key without a password",
    ),
}


@pytest.mark.parametrize(("made", "why"), REASONS.values(), ids=REASONS)
def test_a_private_key_that_cannot_be_used_says_why_and_how_one_is_made(
    made: list[str] | str | None, why: str, tmp_path: Path
) -> None:
    key = tmp_path / "k.pem"
    if isinstance(made, list):
        key.write_bytes(subprocess.run(["openssl", *made], check=True, capture_output=True).stdout)
    elif made:
        key.write_text(made)
    with pytest.raises(SettingsError) as caught:
        PemSigner(key).sign(SHORT)
    assert caught.value.what == f"signing.key cannot be used: {key}: {why}."
    assert caught.value.remedy == (
        f"Correct signing.key in tagship.toml, or make one: openssl ecparam -name prime256v1 -genkey -noout -out {key}"
    )


@pytest.mark.parametrize("made", ["missing", "garbage", "rsa", "another curve"])
def test_a_public_key_that_cannot_be_used_says_why_and_how_one_is_made(made: str, tmp_path: Path) -> None:
    private, public = tmp_path / "k.pem", tmp_path / "p.pem"
    content, why = REASONS[made]
    if isinstance(content, list):
        private.write_bytes(subprocess.run(["openssl", *content], check=True, capture_output=True).stdout)
        run("openssl", "pkey", "-in", private, "-pubout", "-out", public)
    elif content:
        public.write_text(content)
    with pytest.raises(SettingsError) as caught:
        PemVerifier(public).public_keys()
    assert caught.value.what == f"signing.public_key cannot be used: {public}: {why}."
    assert caught.value.remedy == (
        f"Correct signing.public_key in tagship.toml, or make one: openssl ec -in <private key> -pubout -out {public}"
    )


def test_a_public_key_is_the_file_s_own_text(tmp_path: Path) -> None:
    pem(tmp_path)
    path = tmp_path / "release.pub.pem"
    text = path.read_text("utf-8")
    path.write_text(f"# Schlüssel\n{text}", "utf-8")
    assert list(PemVerifier(path).public_keys().values()) == [text]


def test_a_file_may_hold_several_keys_and_each_counts_until_it_is_revoked(tmp_path: Path) -> None:
    pairs = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        pairs.append((*pem(tmp_path / name), (tmp_path / name / "release.pub.pem").read_text("utf-8")))
    (old, _, old_pem), (new, _, new_pem) = pairs
    path = tmp_path / "both.pem"
    path.write_text(with_first(old_pem, new_pem), "utf-8")
    both, left = PemVerifier(path), PemVerifier(path, frozenset({key_id(old_pem)}))
    assert list(both.public_keys()) == [key_id(new_pem), key_id(old_pem)]
    for signs, by in ((old, old_pem), (new, new_pem)):
        both.verify(SHORT, signs.sign(SHORT), "m", key_id(by))
        both.verify(SHORT, signs.sign(SHORT), "m")
    with pytest.raises(NotAuthentic, match="does not match"):
        both.verify(SHORT, old.sign(SHORT), "m", key_id(new_pem))
    with pytest.raises(NotAuthentic, match=f"signed by the key {key_id(old_pem)}, which is revoked"):
        left.verify(SHORT, old.sign(SHORT), "m", key_id(old_pem))
    with pytest.raises(NotAuthentic, match="does not match"):
        left.verify(SHORT, old.sign(SHORT), "m")
    with pytest.raises(NotAuthentic, match="which does not belong to this environment"):
        both.verify(SHORT, old.sign(SHORT), "m", "0" * 16)
    with pytest.raises(SettingsError, match="every key in it is revoked"):
        PemVerifier(path, frozenset(both.public_keys())).public_keys()


def test_a_keys_id_is_of_its_der_as_a_host_computes_it(tmp_path: Path) -> None:
    _, verifies = pem(tmp_path)
    [(id_, text)] = verifies.public_keys().items()
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=text.encode(), capture_output=True, check=True
    )
    assert id_ == hashlib.sha256(der.stdout).hexdigest()[:16]


def test_what_is_not_authentic_is_said_with_what_to_do_instead(tmp_path: Path) -> None:
    _, verifies = pem(tmp_path)
    with pytest.raises(NotAuthentic) as caught:
        verifies.verify(SHORT, b"", "s3://b/manifest.json")
    assert caught.value.what == (
        "The signature of s3://b/manifest.json does not match: the file, its signature or the key was changed."
    )
    assert caught.value.remedy == "Do not deploy it. Publish the commit under a new number: inv deploy-dev"


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 0x01]) + raw[at + 1 :]


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def openssl_verifies(folder: Path, raw: bytes, signature: bytes) -> bool:
    (folder / "m").write_bytes(raw)
    (folder / "s").write_bytes(signature)
    command = ["openssl", "dgst", "-sha256", "-verify", "release.pub.pem", "-signature", "s", "m"]
    return subprocess.run(command, check=False, cwd=folder, capture_output=True).returncode == 0
