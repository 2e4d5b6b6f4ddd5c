"""*.tf files as python-hcl2 reads them: what resources set and ignore, and where the state is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tagship.adapters.terraform_files import configuration
from tagship.domain.infra_owned import Owned, Ownership, TerraformFiles, lock_problem, unprotected
from tagship.settings.asg import Asg
from tagship.settings.ecs import Ecs
from tagship.settings.kind import Kind
from tagship.settings.lambda_ import Lambda

TOP = Path(__file__).parents[3]
KINDS: dict[str, Kind] = {
    "ecs": Ecs.model_validate({"cluster": "c", "services": {"api": {}}}),
    "lambda": Lambda.model_validate({"functions": {"api": {"image": True}}}),
    "asg": Asg.model_validate({"groups": ("web",), "command": ("x",), "tags": {"a": "b"}}),
}


def read(folder: Path, text: str, name: str = "main.tf") -> TerraformFiles:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    files = configuration(folder)
    assert files is not None
    return files


def test_resources_of_the_folder_and_below_it_are_read_and_others_are_not(tmp_path: Path) -> None:
    read(tmp_path, 'resource "aws_s3_bucket" "deep" {}', "modules/deep/main.tf")
    read(tmp_path, 'resource "aws_s3_bucket" "fetched" {}', ".terraform/modules/x/main.tf")
    files = read(
        tmp_path,
        'resource "aws_ecs_service" "api" {\n  name = "x"\n  lifecycle {\n'
        '    ignore_changes = [task_definition, launch_template[0].version, tags["a"]]\n  }\n}\n'
        'resource "aws_ecs_service" "all" {\n  lifecycle {\n    ignore_changes = all\n  }\n}\n'
        'module "near" {\n  source = "./modules/deep"\n}\nmodule "far" {\n  source = "acme/x/aws"\n}\n',
    )
    named = {resource.address: resource for resource in files.resources}
    assert set(named) == {"aws_ecs_service.api", "aws_ecs_service.all", "aws_s3_bucket.deep"}
    assert named["aws_ecs_service.api"].ignored == {"task_definition", "launch_template[0].version", 'tags["a"]'}
    assert named["aws_ecs_service.api"].arguments == {"name", "lifecycle"}
    assert named["aws_ecs_service.all"].ignored == {"all"}
    assert files.modules == ["module.far"]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    read(tmp_path, 'resource "a" "b" {}')
    files = read(tmp_path, 'resource "a" {{{', "broken.tf")
    assert (files.unread, len(files.resources)) == (["broken.tf"], 1)


def test_without_the_parser_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hcl2", None)
    assert configuration(tmp_path) is None


NOTHING = "neither use_lockfile nor dynamodb_table"


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ('backend "s3" {\n key = "x"\n bucket = "b"\n use_lockfile = true\n}', ""),
        ('backend "s3" {\n key = "x"\n dynamodb_table = "locks"\n}', ""),
        ('backend "s3" {\n key = "x"\n}', NOTHING),
        ('backend "s3" {\n key = "x"\n use_lockfile = false\n}', NOTHING),
        ('backend "s3" {\n}', None),
        ('backend "s3" {\n key = "x"\n use_lockfile = var.lock\n}', None),
        ('backend "local" {\n path = "x"\n}', "backend: local"),
        ("", "backend: local"),
        ('backend "http" {\n address = "x"\n}', None),
        ('backend "http" {\n address = "x"\n lock_address = "y"\n}', ""),
        ('backend "gcs" {\n bucket = "x"\n}', ""),
        ('cloud {\n organization = "x"\n}', ""),
        ('backend "something" {\n}', None),
    ],
)
def test_what_locks_a_state_is_said_and_what_is_not_known_is_unknown(
    tmp_path: Path, block: str, problem: str | None
) -> None:
    files = read(tmp_path, f'terraform {{\n{block}\n}}\nprovider "aws" {{\n}}\n')
    assert files.providers
    if problem:
        assert problem in (lock_problem(files) or "")
    else:
        assert lock_problem(files) == problem


def test_a_backend_may_be_in_the_file_that_cannot_be_read(tmp_path: Path) -> None:
    read(tmp_path, "terraform {{{", "backend.tf")
    assert lock_problem(read(tmp_path, 'provider "aws" {\n}')) is None


OWNED: Ownership = {"aws_lambda_function": Owned(("environment",), ("image_uri", "s3_key"), ("x",))}


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("image_uri = var.image", ("environment", "image_uri")),
        ('s3_key = "x"\nlifecycle {\n ignore_changes = [environment]\n}', ("s3_key",)),
        ("lifecycle {\n ignore_changes = [environment]\n}", None),
        ("image_uri = var.image\nlifecycle {\n ignore_changes = all\n}", None),
    ],
)
def test_what_a_deployment_sets_has_to_be_ignored(tmp_path: Path, body: str, missing: tuple[str, ...] | None) -> None:
    queue = 'resource "aws_sqs_queue" "q" {\n}\n'
    files = read(tmp_path, f'resource "aws_lambda_function" "api" {{\n{body}\n}}\n{queue}')
    assert [names for _, names in unprotected(files, OWNED)] == ([missing] if missing else [])


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_blocks_ignore_what_deployments_of_the_kind_set_and_nothing_else(kind: str, tmp_path: Path) -> None:
    page = (TOP / "docs/ownership.md").read_text("utf-8")
    section = page.partition(f"### {kind}\n")[2].partition("\n#")[0]
    [code] = re.findall(r"```hcl\n(.*?)```", section, re.DOTALL)
    files, owned = read(tmp_path, code), KINDS[kind].owned
    assert {resource.type for resource in files.resources} == set(owned)
    for resource in files.resources:
        assert resource.ignored == set(owned[resource.type].paths)
        for path in owned[resource.type].always:
            without = TerraformFiles([type(resource)(resource.type, "x", frozenset(), resource.ignored - {path})])
            assert list(unprotected(without, owned))
    assert not list(unprotected(files, owned))


def test_what_is_owned_depends_on_the_settings() -> None:
    bare = Lambda.model_validate({"alias": "", "functions": {"api": {"package": "api", "handler": "a.b"}}}).owned
    assert "description" in bare["aws_lambda_function"].always
    assert "handler" in bare["aws_lambda_function"].given
    assert bare["aws_lambda_alias"] == Owned()
    watched = Ecs.model_validate({"cluster": "c", "services": {"api": {}}, "monitors": {"failures": 2}}).owned
    assert watched["aws_ecs_service"].given == ("deployment_circuit_breaker",)
    shifted = Ecs.model_validate({"cluster": "c", "services": {"api": {}}, "strategy": {"kind": "canary"}}).owned
    assert shifted["aws_ecs_service"].given == ("deployment_configuration",)
