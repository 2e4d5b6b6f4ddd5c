"""Records with their signature in one object."""

from __future__ import annotations

import base64

import pytest

from tagship.domain.sealed import canonical, opened, seal, unsealed
from tagship.errors import NotAuthentic
from tests.fakes.signing import WordSigner

VALUES = {"app": "hello", "who": "ada", "reason": 'ä\n"', "tagship": 1}
AGAIN = "inv deploy --version 0.1.30-dev --env dev"


def read(raw: bytes, *, unsigned: bool = False, word: str = "release") -> object:
    return opened(raw, lambda: WordSigner(word), "the record", unsigned=unsigned, again=AGAIN)


def test_what_was_signed_reads_back() -> None:
    assert read(seal(VALUES, WordSigner().sign)) == VALUES


def test_the_signature_is_a_line_of_its_own_and_the_others_are_what_was_signed() -> None:
    raw = seal(VALUES, WordSigner().sign)
    lines = raw.splitlines(keepends=True)
    [signature] = [line for line in lines if line.startswith(b'  "signature": "')]
    assert b"".join(line for line in lines if line != signature) == canonical(VALUES)
    assert base64.b64decode(signature.split(b'"')[3]) == unsealed(raw).signature  # type: ignore[union-attr]


def test_what_was_changed_is_not_authentic() -> None:
    raw = seal(VALUES, WordSigner().sign)
    with pytest.raises(NotAuthentic, match="signature"):
        read(raw.replace(b'"ada"', b'"eve"'))
    with pytest.raises(NotAuthentic, match="signature"):
        read(raw, word="another")


def test_what_nobody_signed_is_believed_where_that_is_allowed_and_nowhere_else() -> None:
    raw = seal(VALUES, None)
    assert read(raw, unsigned=True) == VALUES
    with pytest.raises(NotAuthentic, match="is not signed") as caught:
        read(raw)
    assert AGAIN in caught.value.remedy


def test_a_signature_that_is_there_has_to_verify_whatever_is_allowed() -> None:
    with pytest.raises(NotAuthentic):
        read(seal(VALUES, WordSigner("another").sign), unsigned=True)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"null", b"1", b"{}", b'{"signature": 1}\n', b'{"signature": "!"}\n', b"[" * 100_000,
        canonical(VALUES)[:-2], canonical(VALUES) + b"\n", canonical(VALUES).replace(b": ", b":", 1),
        canonical(VALUES).replace(b'  "app"', b'  "app": "evil",\n  "app"'), b"\xff\xfe",
    ],
    ids=range(13),
)  # fmt: skip
def test_another_form_is_no_record(raw: bytes) -> None:
    """It could be read in two ways: here by a JSON reader, and by a host line by line."""
    assert unsealed(raw) is None
    with pytest.raises(NotAuthentic, match="cannot be read"):
        read(raw, unsigned=True)
