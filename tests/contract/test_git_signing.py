"""Signing is the user's right; if it fails, the reason is the signing program's own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tagship.errors import Refused
from tests.checkout import Checkout, git


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_tag_is_signed_if_the_user_says_so(checkout: Checkout, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for name, value in {"gpg.format": "ssh", "user.signingKey": f"{key}.pub", "tag.gpgSign": "true"}.items():
        git(checkout.work, "config", name, value)
    tag = checkout.repository.create_tag("0.1.0-dev", checkout.head, "hello")
    assert "BEGIN SSH SIGNATURE" in git(checkout.work, "cat-file", "tag", tag.oid)


@pytest.fixture
def keyring(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    with TemporaryDirectory(prefix="gpg-", ignore_cleanup_errors=True) as home:  # its sockets want a short path
        monkeypatch.setenv("GNUPGHOME", home)
        git(checkout.work, "config", "tag.gpgSign", "true")
        yield checkout
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=False, stderr=subprocess.DEVNULL)


def test_gpgs_own_reason_is_told(keyring: Checkout) -> None:
    git(keyring.work, "config", "user.signingKey", "DEADBEEF")
    with pytest.raises(Refused, match="No secret key") as told:
        keyring.repository.create_tag("0.1.0-dev", keyring.head, "hello")
    assert told.value.what.startswith("Git did not sign the tag 0.1.0-dev: ")
    assert told.value.remedy.startswith("Name the key to sign with: git config user.signingKey")
    assert keyring.tags_here() == []


def test_a_signing_program_that_is_not_there_is_named(keyring: Checkout) -> None:
    git(keyring.work, "config", "gpg.program", "/nonexistent/gpg")
    with pytest.raises(Refused, match="/nonexistent/gpg"):
        keyring.repository.create_tag("0.1.0-dev", keyring.head, "hello")


def test_a_passphrase_that_nobody_can_give_is_told(keyring: Checkout) -> None:
    made = ["gpg", "--batch", "--quiet", "--passphrase", "secret", "--quick-gen-key", "Ada <ada@example.com>"]
    subprocess.run([*made, "default", "default", "never"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=True)
    with pytest.raises(Refused, match=r"passphrase|Inappropriate ioctl|No pinentry") as told:
        keyring.repository.create_tag("0.1.0-dev", keyring.head, "hello")
    assert "gpg" in told.value.remedy.lower()
