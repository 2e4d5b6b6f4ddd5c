"""Have a virtual environment find this checkout by a relative path: `python scripts/relative_path.py .venv`.

What pip writes for an editable install is the checkout's whole path, and Python reads that file in the locale's
encoding as it starts, even in UTF-8 mode: under LC_ALL=C (cron, a bare container) a folder called `développement` ends
every Python of the environment before its first line. So this is run by the Python outside of the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def main(environment: str) -> None:
    for found in Path(environment).absolute().glob("lib/python*/site-packages/_tagship.pth"):
        found.write_text(os.path.relpath(CHECKOUT.absolute(), found.parent) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
