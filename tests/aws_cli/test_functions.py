"""tagship deploys and rolls back, and the AWS CLI is asked what is so now: aliases, versions, code and answers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.aws_cli.conftest import Cli
from tests.journeys.test_deploy_to_functions import FIRST, SECOND, Place
from tests.sandbox.shapes import inv

API, PAGE = "shop-dev-api", "shop-dev-page"


def serving(aws: Cli, function: str) -> str:
    """The version that the alias names."""
    return str(aws("lambda", "get-alias", "--function-name", function, "--name", "live")["FunctionVersion"])


def test_each_deployment_is_a_version_and_the_alias_names_the_last(place: Place, aws: Cli) -> None:
    versions = aws("lambda", "list-versions-by-function", "--function-name", API)["Versions"]
    labels = {row["Version"]: row["Description"].split(" ")[:2] for row in versions if row["Version"] != "$LATEST"}
    assert labels[serving(aws, API)] == ["tagship", SECOND]
    assert ["tagship", FIRST] in labels.values()


def test_an_image_function_has_the_artifacts_digest_and_its_variables(place: Place, aws: Cli) -> None:
    function = aws("lambda", "get-function", "--function-name", PAGE, "--qualifier", "live")
    image = place.running.images(lambda _: None).find("registry.example/shop", SECOND)
    assert image
    assert function["Code"]["ResolvedImageUri"] == image.by_digest
    assert function["Configuration"]["PackageType"] == "Image"
    assert function["Configuration"]["Environment"]["Variables"]["VERSION"] == SECOND


def test_a_rollback_moves_the_alias_back_alone_and_callers_get_the_version_before(
    place: Place, aws: Cli, tmp_path: Path
) -> None:
    before = serving(aws, API)
    inv(place.root, "rollback", "--to", FIRST)
    alias = aws("lambda", "get-alias", "--function-name", API, "--name", "live")
    assert alias["FunctionVersion"] != before
    assert "RoutingConfig" not in alias
    answer = tmp_path / "answer.json"
    ran = aws("lambda", "invoke", "--function-name", f"{API}:live", "--payload", "{}", str(answer))
    assert ran["ExecutedVersion"] == alias["FunctionVersion"]
    assert json.loads(json.loads(answer.read_text("utf-8"))["body"])["version"] == FIRST
