"""tagship.toml as the tests of settings write it: what each of them adds stands below the same beginning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tagship.errors import SettingsError
from tagship.settings import KINDS, Settings, load
from tagship.settings.kind import Kind

APP = """
app = "hello"
aws.bucket = "hello-artifacts"
signing = { key = "release.key.pem", public_key = "release.pub.pem" }
"""


@dataclass(frozen=True)
class Text:
    """A file that begins so; its variables are those given and no others."""

    top: str = ""
    kinds: tuple[type[Kind], ...] = KINDS

    def read(self, folder: Path, text: str = "", variables: dict[str, str] | None = None) -> Settings:
        (folder / "tagship.toml").write_text(self.top + text, "utf-8")
        return load(folder / "tagship.toml", variables or {}, kinds=self.kinds)

    def errors(self, folder: Path, text: str = "", variables: dict[str, str] | None = None) -> list[str]:
        """Each error's sentence."""
        with pytest.raises(SettingsError) as caught:
            self.read(folder, text, variables)
        return [line.removeprefix("  - ") for line in caught.value.what.splitlines() if line.startswith("  - ")]
