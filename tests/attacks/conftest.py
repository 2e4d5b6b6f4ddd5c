"""What is attacked: a sandbox of a small repository, as a developer has it running."""

from __future__ import annotations

from tests.sandbox.conftest import sandbox

__all__ = ["sandbox"]
