"""Two locks: what running takes, and what development takes as well. What both have is the same, to the hash."""

from __future__ import annotations

from pathlib import Path

TOP = Path(__file__).parents[2]
RUNTIME, DEVELOPMENT = TOP / "constraints-runtime.txt", TOP / "constraints.txt"
BESIDE = ("sandbox",)  # of the package: an extra has its dependencies
EXTRA = {"attestations.py": "sigstore", "terraform_files.py": "python-hcl2"}  # adapters, and what an extra brings them
