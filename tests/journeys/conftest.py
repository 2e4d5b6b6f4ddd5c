"""What journeys take from the tests of the sandbox: one that runs, and clients of it."""

from __future__ import annotations

from tests.sandbox.conftest import s3, sandbox

__all__ = ["s3", "sandbox"]
