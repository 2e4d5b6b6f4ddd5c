"""What one run of a sandbox knows its own people by. Made anew at each start, and kept in sandbox.json (0600) alone."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

NOBODY: Mapping[str, tuple[str, str]] = {}


@dataclass(frozen=True)
class Keys:
    """The secrets of one run.

    `access` and `secret` sign what is asked of AWS; `token` is for GitHub's API and the switches. `page` is a part of
    the address of GitHub's pages: a browser, which has nothing else to show, may read the page whose address it knows.
    """

    access: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    page: str = field(repr=False)
    others: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)  # access and secret, by account

    def of(self, account: str) -> tuple[str, str]:
        """Return the pair of an account, or the sandbox's own."""
        access, secret = self.others.get(account, (self.access, self.secret))
        return access, secret

    @classmethod
    def new(cls, others: Mapping[str, tuple[str, str]] = NOBODY) -> Self:
        """Draw keys at random, beside those of other accounts."""
        import secrets  # slow to import, and most processes read keys that are there

        access = "SANDBOX" + secrets.token_hex(6).upper()
        return cls(access, secrets.token_urlsafe(30), secrets.token_urlsafe(30), secrets.token_urlsafe(12), others)

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that AWS's own programs read keys from."""
        return self.variables_of("")

    def variables_of(self, account: str) -> dict[str, str]:
        """Return the same for an account."""
        access, secret = self.of(account)
        return {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}

    def signed(self, account: str = "") -> dict[str, str]:
        """Return what boto3.client takes keys by."""
        access, secret = self.of(account)
        return {"aws_access_key_id": access, "aws_secret_access_key": secret}

    def admits(self, authorization: str) -> bool:
        """Tell whether an Authorization header has the token."""
        return same(authorization.removeprefix("token ").removeprefix("Bearer "), self.token)


def same(given: str, wanted: str) -> bool:
    """Compare in a time that does not tell how much is right."""
    return bool(wanted) and hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


NONE = Keys("", "", "", "")
