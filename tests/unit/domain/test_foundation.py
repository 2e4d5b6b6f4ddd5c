"""What an account needs, as text."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tagship.domain import documents, foundation, keys
from tagship.domain.foundation import Existing, Stack

TEMPLATE = """\
Condition:
    # tags: begin
    "ssm:resourceTag/a": b
    # tags: end
Resource:
    # secrets: begin
    - usual
    # secrets: end
Other:
    # secrets: begin
    - usual
    # secrets: end
"""
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
SHARED = {"app": "hello", "bucket": "b-1", "key": "kms:alias/hello", "image": "hello"}


def shared(found: Existing, before: dict[str, str] | None = None, *, locked: int = 0, **changes: str) -> dict[str, str]:
    return foundation.shared(existing=found, before=before, locked=locked, **{**SHARED, **changes})


def test_days_of_object_lock_are_a_parameter() -> None:
    assert shared(Existing())["LockDays"] == "0"
    assert shared(Existing(), locked=30)["LockDays"] == "30"


def test_an_empty_account_has_all_of_it_made() -> None:
    made = shared(Existing())
    assert made["MakeBucket"] == "yes"
    assert (made["KeyAlias"], made["KeyArn"]) == ("alias/hello", "")
    assert made["ImageRepository"] == "hello"
    assert made["ProviderArn"] == ""


def test_what_is_there_is_used() -> None:
    made = shared(Existing(bucket=True, key="arn:key", provider="arn:provider", repository=True))
    assert made["MakeBucket"] == "no"
    assert (made["KeyAlias"], made["KeyArn"]) == ("", "arn:key")
    assert made["ImageRepository"] == ""
    assert made["ProviderArn"] == "arn:provider"


def test_what_the_stack_made_is_kept_when_it_is_found_again() -> None:
    first = shared(Existing())
    everything = Existing(bucket=True, key="arn:key", provider="arn:provider", repository=True)
    assert shared(everything, first) == first


def test_another_bucket_of_the_settings_is_looked_at_afresh() -> None:
    first = shared(Existing())
    assert shared(Existing(bucket=True), first, bucket="b-2")["MakeBucket"] == "no"
    assert shared(Existing(), first, bucket="b-2")["MakeBucket"] == "yes"


def test_a_key_that_is_no_alias_is_never_made() -> None:
    assert shared(Existing(), key="release.pem")["KeyAlias"] == ""
    assert shared(Existing(key="arn:key"), key="kms:1234")["KeyArn"] == "arn:key"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com/hello", "hello"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/hello", "team/hello"),
        ("ghcr.io/acme/hello", ""),
        ("localhost:5000/hello", ""),
        ("", ""),
    ],
)
def test_only_an_image_of_ecr_has_a_repository_in_the_account(image: str, name: str) -> None:
    assert foundation.repository_name(image) == name


def test_a_block_without_anything_of_the_settings_stays_as_it_is() -> None:
    assert foundation.with_blocks(TEMPLATE, {}, "", []) == TEMPLATE


def test_every_block_of_a_name_is_replaced() -> None:
    text = foundation.with_blocks(TEMPLATE, {}, "", ["a/b"])
    assert text.count("secret:a/b-??????") == 2
    assert "usual" not in text


@given(st.dictionaries(TEXT.filter(bool), TEXT, min_size=1, max_size=4))
def test_a_tag_is_read_back_as_it_was_whatever_it_holds(tags: dict[str, str]) -> None:
    text = foundation.with_blocks(TEMPLATE, tags, "", [])
    condition = yaml.safe_load(text)["Condition"]
    assert condition == {f"ssm:resourceTag/{name}": value for name, value in tags.items()}


def test_a_document_is_the_same_whatever_its_blanks() -> None:
    one, other = json.dumps({"a": 1, "b": [2]}), json.dumps({"b": [2], "a": 1}, indent=4)
    assert documents.same_document(one, other)
    assert documents.version_name(one) == documents.version_name(other)
    assert not documents.same_document(one, '{"a": 2, "b": [2]}')
    assert len(documents.version_name(one)) <= 128


def test_a_stack_is_told_apart_by_parameters_and_template() -> None:
    one = Stack("s", "T: 1\n", {"b": "2", "a": "1"})
    assert one.text == "a = 1\nb = 2\nT: 1\n"
    assert foundation.diff("s", one.text, one.text) == []
    assert "+a = 3" in foundation.diff("s", one.text, Stack("s", "T: 1\n", {"a": "3", "b": "2"}).text)


def test_a_public_key_is_written_as_openssl_does() -> None:
    lines = keys.pem(bytes(range(91))).splitlines()
    assert lines[0] == "-----BEGIN PUBLIC KEY-----"
    assert lines[-1] == "-----END PUBLIC KEY-----"
    assert all(len(line) <= 64 for line in lines)
    assert keys.same_key("\n".join(lines), "\r\n".join(lines) + "\r\n")
    assert not keys.same_key("\n".join(lines), "")


def test_functions_may_be_changed_by_their_names_and_their_versions() -> None:
    template = "  - Resource:\n      # functions: begin\n      - x\n      # functions: end\n"
    text = foundation.with_blocks(template, {}, "", [], functions=["b", "a"])
    place = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function"
    assert text == "  - Resource:\n" + "".join(f'      - !Sub "{place}:{name}"\n' for name in ("a", "a:*", "b", "b:*"))
