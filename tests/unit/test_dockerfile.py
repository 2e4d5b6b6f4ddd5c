"""What a sandbox carries out of a Dockerfile: stages, what is copied from one to the next, and the rest by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagship.sandbox.dockerfile import Image, read

TWO = """
FROM python:3.12 AS build
WORKDIR /app
COPY app.py ./
RUN make
FROM python:3.12-slim
WORKDIR /srv
COPY --from=build /app ./
CMD ["python3", "app.py"]
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "context").mkdir()
    (tmp_path / "context/app.py").write_text("print(1)\n", "utf-8")
    return tmp_path / "context"


def carried_out(text: str, context: Path) -> tuple[Image, dict[str, str]]:
    root = context.parent / "root"
    image = read(text, context, root, {"VERSION": "0.1.0-dev"})
    return image, {str(path.relative_to(root)): path.read_text("utf-8") for path in root.rglob("*") if path.is_file()}


def test_what_an_earlier_stage_has_is_copied_into_the_last_and_nothing_else_of_it(context: Path) -> None:
    image, files = carried_out(TWO, context)
    assert files == {"srv/app.py": "print(1)\n"}
    assert (image.folder, image.command, image.passed_over) == ("/srv", ("python3", "app.py"), ("RUN make",))


def test_a_stage_is_named_by_its_number_too(context: Path) -> None:
    assert carried_out(TWO.replace("--from=build", "--from=0"), context)[1] == {"srv/app.py": "print(1)\n"}


def test_a_stage_that_begins_with_another_has_what_that_has(context: Path) -> None:
    text = 'FROM a AS base\nENV GREETING=hi\nCOPY app.py /app/\nCMD ["x"]\nFROM base\nWORKDIR /app\n'
    image, files = carried_out(text, context)
    assert files == {"app/app.py": "print(1)\n"}
    assert (dict(image.variables), image.command) == ({"GREETING": "hi"}, ("x",))


def test_what_is_copied_from_another_image_is_passed_over(context: Path) -> None:
    image, files = carried_out("FROM a\nCOPY --from=ghcr.io/b/c:1 /bin/x /bin/x\n", context)
    assert (files, image.passed_over) == ({}, ("COPY --from=ghcr.io/b/c:1 /bin/x /bin/x",))


def test_an_argument_before_the_first_stage_and_a_file_without_stages_are_read(context: Path) -> None:
    image, _ = carried_out("ARG BASE=a\nFROM $BASE\nARG VERSION=unknown\nENV V=$VERSION\n", context)
    assert image.variables == {"V": "0.1.0-dev"}
    assert carried_out("COPY app.py /\n", context)[1] == {"app.py": "print(1)\n"}
