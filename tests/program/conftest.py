"""What the tests of the host program take from those of the sandbox: one that runs, and clients of it."""

from __future__ import annotations

from tests.sandbox.conftest import s3, sandbox, ssm

__all__ = ["s3", "sandbox", "ssm"]
