"""scripts/cleanup_deployment_artifacts: the flags that teams' own scripts have are `inv cleanup`'s."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from invoke.parser.parser import Parser

from scripts.cleanup_deployment_artifacts import arguments
from tagship.tasks import ns

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("--bucket hello-artifacts --dry-run", "cleanup --days 7 --keep 5 --dry-run"),
        ("--bucket hello-artifacts --pr 51 --keep 3", "cleanup --pr 51 --days 7 --keep 3"),
        ("--bucket hello-artifacts --days 3", "cleanup --days 3 --keep 5"),
    ],
)
def test_what_teams_type_is_what_inv_takes(given: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOP)
    assert shlex.join(arguments(shlex.split(given))) == asked
    [parsed] = Parser(contexts=ns.to_contexts()).parse_argv(shlex.split(asked))
    assert parsed.name == "cleanup"


def test_another_bucket_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(TOP)
    with pytest.raises(SystemExit) as end:
        arguments(["--bucket", "macro-ai-deployment-artifacts-123456789"])
    assert end.value.code == 2
    assert "hello-artifacts" in capsys.readouterr().err
