"""What an infrastructure tool is told, and what of its outputs is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tagship.domain.infra import NAMES, Output, exported, placed, read_outputs, shown, without_artifact
from tagship.domain.manifest import BundleRef, ImageRef, Manifest
from tagship.errors import UsageError

BUNDLE = BundleRef("hello/dev/0.1.0-dev/deploy-bundle.tar.gz", "0" * 64, 7, "0" * 64)
MANIFEST = Manifest(
    "hello", "dev", "0.1.0-dev", "0.1.0-dev", "c0ffee", "dev", "0.1.0-dev", "2026-11-20T12:00:00Z", "ada", BUNDLE, {}
)
IMAGE = ImageRef("registry/hello", "0.1.0-dev", "sha256:" + "a" * 64)


def test_the_artifacts_names_are_exported_each_with_its_twin() -> None:
    told = exported(replace(MANIFEST, image=IMAGE), "artifacts", {})
    assert {name: told[name] for name in sorted(NAMES)} == {
        "ARTIFACT_ID": "0.1.0-dev",
        "COMMIT_SHA": "c0ffee",
        "DEPLOYMENT_BUCKET": "artifacts",
        "DEPLOYMENT_KEY": "hello/dev/0.1.0-dev/deploy-bundle.tar.gz",
        "ENVIRONMENT": "dev",
        "IMAGE_DIGEST": IMAGE.digest,
        "IMAGE_TAG": "0.1.0-dev",
        "IMAGE_URI": f"registry/hello@{IMAGE.digest}",
    }
    assert {name: told[f"TF_VAR_{name.lower()}"] for name in NAMES} == {name: told[name] for name in NAMES}


def test_without_an_image_its_names_are_taken_away() -> None:
    told = exported(MANIFEST, "artifacts", {})
    assert [name for name, value in sorted(told.items()) if value is None] == [
        "IMAGE_DIGEST",
        "IMAGE_TAG",
        "IMAGE_URI",
        "TF_VAR_image_digest",
        "TF_VAR_image_tag",
        "TF_VAR_image_uri",
    ]


def test_the_settings_variables_have_twins_and_never_win_over_the_artifact() -> None:
    told = exported(
        MANIFEST, "artifacts", {"size": "t3.small", "TF_LOG": "INFO", "artifact_id": "x", "ENVIRONMENT": "x"}
    )
    assert (told["size"], told["TF_VAR_size"], told["TF_LOG"]) == ("t3.small", "t3.small", "INFO")
    assert (told["TF_VAR_artifact_id"], told["ENVIRONMENT"]) == ("0.1.0-dev", "dev")


def test_a_sensitive_output_is_there_by_its_name_alone() -> None:
    assert shown({"url": Output(["a", 1]), "password": Output({"a": "hunter2"}, sensitive=True)}) == {
        "password": {"sensitive": True, "value": None},
        "url": {"sensitive": False, "value": ["a", 1]},
    }


API = ImageRef("registry/api", "0.1.0-dev", "sha256:" + "b" * 64)


def test_each_image_with_a_name_has_variables_and_a_placeholder() -> None:
    manifest = replace(MANIFEST, images={"api": API})
    told = exported(manifest, "artifacts", {})
    assert told["IMAGE_URI_API"] == told["TF_VAR_image_uri_api"] == f"registry/api@{API.digest}"
    assert (told["IMAGE_TAG_API"], told["IMAGE_DIGEST_API"]) == (API.tag, API.digest)
    words = placed(["cdk", "deploy", "--context", "imageUri={images.api}", "{x}", "{OTHER}"], manifest, "artifacts")
    assert words[3:] == [f"imageUri=registry/api@{API.digest}", "{x}", "{OTHER}"]


@pytest.mark.parametrize("name", ["{images.web}", "{IMAGE_URI}", "{IMAGE_DIGEST}"])
def test_a_command_never_runs_with_an_empty_name(name: str) -> None:
    with pytest.raises(UsageError, match="has no such image") as caught:
        placed(["cdk", "deploy", f"image={name}"], replace(MANIFEST, images={"api": API}), "artifacts")
    assert caught.value.remedy == "It has: api"


def test_before_there_is_an_artifact_nothing_names_one() -> None:
    told = without_artifact("dev", "artifacts", {"size": "t3.small"})
    assert (told["ENVIRONMENT"], told["TF_VAR_deployment_bucket"], told["TF_VAR_size"]) == (
        "dev",
        "artifacts",
        "t3.small",
    )
    assert {told[name] for name in NAMES - {"ENVIRONMENT", "DEPLOYMENT_BUCKET"}} == {None}


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ('{"url": {"sensitive": false, "type": "string", "value": "x"}}', {"url": Output("x")}),
        ('{"p": {"sensitive": true, "type": "string", "value": "x"}}', {"p": Output("x", sensitive=True)}),
        ('{"url": "x", "ids": [1, 2]}', {"url": Output("x"), "ids": Output([1, 2])}),
        ('{"url": "x", "map": {"a": 1}}', {"url": Output("x"), "map": Output({"a": 1})}),
        ('{"stack-1": {"Url": "x"}, "stack-2": {"Name": "y"}}', {"Url": Output("x"), "Name": Output("y")}),
        ("{}", {}),
    ],
    ids=["terraform", "sensitive", "pulumi", "pulumi with a table", "cdk", "none"],
)
def test_the_outputs_of_any_tool_are_read(text: str, outputs: dict[str, Output]) -> None:
    assert read_outputs(text) == outputs


def test_tables_of_pulumi_are_outputs_and_no_stacks() -> None:
    text = '{"vpc": {"id": "vpc-1"}}'
    assert read_outputs(text, "pulumi") == {"vpc": Output({"id": "vpc-1"})}
    assert read_outputs(text, "npx") == {"id": Output("vpc-1")}
    assert read_outputs('{"vpc": {"id": 1, "subnets": ["a"]}}') == {"vpc": Output({"id": 1, "subnets": ["a"]})}


def test_a_secret_of_pulumis_has_no_value_and_is_called_sensitive() -> None:
    assert read_outputs('{"password": "[secret]", "url": "x"}') == {
        "password": Output(None, sensitive=True),
        "url": Output("x"),
    }


@pytest.mark.parametrize("text", ["", "[]", "x", '{"a": {"Url": "1"}, "b": {"Url": "2"}}'])
def test_what_is_no_outputs_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (json's own words, or ours)
        read_outputs(text)
