"""doctor on Terraform's files: locks of their states, what they don't ignore, and what is not known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tagship.account.doctor_infra import CHECKS
from tagship.adapters.terraform_files import configuration
from tagship.domain.infra_owned import TerraformFiles
from tests.fakes.app import FakeApp, settings
from tests.fakes.terraform import FakeTerraform

ECS = {"cluster": "c", "services": {"api": {}}}
SERVICE = 'resource "aws_ecs_service" "api" {\n%s\n}\n'
IGNORES = "lifecycle {\n  ignore_changes = [task_definition]\n}"


class Reading(FakeTerraform):
    """Reads real files, or has no parser."""

    parser = True

    def configuration(self, folder: Path) -> TerraformFiles | None:
        return configuration(folder) if self.parser else None


def found(root: Path, infra: dict[str, Any] | None = None, *, parser: bool = True) -> list[tuple[str, str, str, str]]:
    tool = Reading()
    tool.parser = parser
    dev = {"branch": "dev", "infra": infra or {}, "ecs": ECS, "image": {"repository": "r"}}
    app = FakeApp(settings(environments={"dev": dev}), root=root, given={"infrastructure": tool})
    findings = CHECKS["terraform"](app, "dev")
    return [(finding.about, finding.state, finding.words, finding.fix) for finding in findings]


def write(root: Path, text: str, name: str = "infra/main.tf") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, "utf-8")


def test_a_service_that_ignores_nothing_is_named_with_the_block_to_add(tmp_path: Path) -> None:
    write(tmp_path, SERVICE % "")
    lock, (about, state, words, fix) = found(tmp_path, {"directory": "infra"})
    assert lock[:2] == ("dev: state lock", "ok")
    assert (about, state) == ("dev: ignore_changes", "warning")
    assert words == (
        "infra: aws_ecs_service.api doesn't ignore task_definition: if tagship deploys to it, an apply undoes that"
    )
    assert fix == "Add to it: lifecycle { ignore_changes = [task_definition, desired_count] }"


def test_one_that_ignores_it_is_fine(tmp_path: Path) -> None:
    write(tmp_path, SERVICE % IGNORES)
    assert found(tmp_path, {"directory": "infra"})[1] == (
        "dev: ignore_changes",
        "ok",
        "infra: aws_ecs_service.api ignores what deployments set",
        "",
    )


def test_files_of_a_team_that_runs_terraform_itself_are_found(tmp_path: Path) -> None:
    write(tmp_path, 'provider "aws" {}\n' + SERVICE % IGNORES, "ops/live/main.tf")
    write(tmp_path, SERVICE % IGNORES, "ops/module/main.tf")
    write(tmp_path, "x", ".terraform/x.tf")
    rows = found(tmp_path)
    assert [(about, state) for about, state, *_ in rows] == [
        ("dev: state lock", "warning"),
        ("dev: ignore_changes", "ok"),
        ("dev: ignore_changes", "ok"),
    ]
    assert rows[0][2].startswith("ops/live: the state is a file of one machine (backend: local)")


def test_a_command_on_a_state_without_a_lock_is_told(tmp_path: Path) -> None:
    write(tmp_path, 'terraform {\n  backend "s3" {\n    bucket = "b"\n    key = "k"\n  }\n}\n')
    infra = {"directory": "infra", "command": ["terraform", "apply"]}
    [(about, state, words, fix)] = found(tmp_path, infra)
    assert (about, state) == ("dev: state lock", "warning")
    assert "neither use_lockfile nor dynamodb_table" in words
    assert "use_lockfile = true" in fix
    write(tmp_path, 'terraform {\n  backend "s3" {}\n}\n')
    assert (
        "can't tell whether its state is locked: the arguments of its backend s3 are elsewhere"
        in found(tmp_path, infra)[0][2]
    )
    write(tmp_path, 'terraform {\n  backend "s3" {\n    use_lockfile = true\n  }\n}\n')
    assert found(tmp_path, infra)[0][1:3] == ("ok", "infra: the backend s3 locks the state")


def test_what_is_not_known_is_said_to_be_unknown(tmp_path: Path) -> None:
    write(tmp_path, 'module "api" {\n  source = "acme/service/aws"\n}\n')
    *_, (_, state, words, fix) = found(tmp_path, {"directory": "infra"})
    assert (state, words) == ("warning", "infra: module.api may define deployment targets, and was not read")
    assert fix == "Terraform knows: inv infra.plan --env dev"
    write(tmp_path, "resource {{{", "infra/broken.tf")
    assert any("broken.tf can't be read" in words for _, _, words, _ in found(tmp_path, {"directory": "infra"}))
    [(_, state, words, fix)] = found(tmp_path, {"directory": "infra"}, parser=False)
    assert (state, fix) == ("warning", 'pip install "tagship[terraform]"')
    assert "is unknown" in words


@pytest.mark.parametrize("infra", [None, {"directory": "infra"}])
def test_without_terraforms_files_nothing_is_said(tmp_path: Path, infra: dict[str, Any] | None) -> None:
    assert found(tmp_path, infra) == []
