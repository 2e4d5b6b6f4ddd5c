"""allow_unsigned, and a file without [signing]: each environment decides for itself, and by no shorter word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship import bootstrap
from tagship.errors import SettingsError
from tagship.settings import Settings, load

HEAD = 'app = "hello"\naws.bucket = "hello-artifacts"\n'
KEYS = 'signing = { key = "release.key.pem", public_key = "release.pub.pem" }\n'
ENVIRONMENT = """
[environments.{name}]
suffix = "{name}"
ec2.command = ["python3", "app.py"]
ec2.tags = {{ Name = "hello" }}
{more}
"""


def read(folder: Path, head: str, **environments: str) -> Settings:
    text = head + "".join(ENVIRONMENT.format(name=name, more=more) for name, more in environments.items())
    (folder / "tagship.toml").write_text(text, "utf-8")
    return load(folder / "tagship.toml", {})


def test_nothing_unsigned_is_taken_unless_it_is_said(tmp_path: Path) -> None:
    settings = read(tmp_path, HEAD + KEYS, dev="", lax="allow_unsigned = true")
    assert {name: one.allow_unsigned for name, one in settings.environments.items()} == {"dev": False, "lax": True}


def test_keys_may_be_left_out_where_every_environment_allows_it(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD, dev="allow_unsigned = true").signing is None


@pytest.mark.parametrize("word", ["", "allow_unsigned = false"])
def test_they_may_not_where_one_does_not(tmp_path: Path, word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, HEAD, dev="allow_unsigned = true", prod=word)
    told = "signing: is missing: name its key and public_key, or say allow_unsigned = true in environments.prod"
    assert told in caught.value.what


@pytest.mark.parametrize("word", ['"true"', "1", "[]"])
def test_it_is_true_or_false_and_nothing_like_it(tmp_path: Path, word: str) -> None:
    with pytest.raises(SettingsError, match="allow_unsigned"):
        read(tmp_path, HEAD + KEYS, dev=f"allow_unsigned = {word}")


def test_half_of_the_keys_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"signing\.public_key: missing"):
        read(tmp_path, HEAD + 'signing.key = "release.key.pem"\n', dev="allow_unsigned = true")


@pytest.mark.parametrize("purpose", ["release", "orders"])
def test_what_is_signed_cannot_be_verified_nor_anything_signed_without_keys(tmp_path: Path, purpose: str) -> None:
    read(tmp_path, HEAD, dev="allow_unsigned = true")
    with pytest.raises(SettingsError, match=r"tagship\.toml has no \[signing\]"):
        bootstrap.app(tmp_path).keys("dev", purpose)
