"""What Terraform is given: its backend and its environment. (What it does with them is shown in tests/terraform.)"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tagship.adapters.aws.session import Aws
from tagship.adapters.terraform import Terraform, backend, environment, version

HERE = Aws("eu-west-1", profile="shop")
SANDBOX = Aws("us-east-1", endpoint="http://127.0.0.1:5000", sandbox=True)


def test_a_backend_locks_with_a_file_and_encrypts() -> None:
    assert backend(HERE, "states", "dev/terraform.tfstate") == {
        "bucket": "states",
        "key": "dev/terraform.tfstate",
        "region": "eu-west-1",
        "use_lockfile": True,
        "encrypt": True,
        "profile": "shop",
    }


def test_the_sandboxs_backend_is_asked_at_its_own_address_and_for_nothing_it_has_not() -> None:
    told = backend(SANDBOX, "states", "dev/terraform.tfstate")
    assert told["endpoints"] == {"s3": "http://127.0.0.1:5000"}
    assert {name for name in told if name.startswith("skip_")} == {
        "skip_credentials_validation",
        "skip_metadata_api_check",
        "skip_region_validation",
        "skip_requesting_account_id",
    }


@pytest.mark.parametrize(
    "name", ["TF_WORKSPACE", "TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_DATA_DIR", "TF_INPUT", "TF_IN_AUTOMATION"]
)
def test_what_would_move_a_state_or_its_lock_is_not_inherited(name: str) -> None:
    assert environment({name: "x", "PATH": "/bin"}, {}) == {"PATH": "/bin"}


@pytest.mark.parametrize("name", ["TF_VAR_password", "TF_LOG", "TF_CLI_CONFIG_FILE", "AWS_ACCESS_KEY_ID"])
def test_secrets_credentials_and_mirrors_of_the_jobs_own_are_inherited(name: str) -> None:
    assert environment({name: "x"}, {}) == {name: "x"}


def test_what_is_told_wins_and_nothing_takes_away() -> None:
    assert environment({"IMAGE_TAG": "old", "KEPT": "1", "A": "old"}, {"IMAGE_TAG": None, "A": "new"}) == {
        "KEPT": "1",
        "A": "new",
    }


@pytest.mark.parametrize(
    ("text", "numbers"), [("1.11.4", (1, 11)), ("1.9.8", (1, 9)), ("1.12.0-beta1", (1, 12)), ("", ()), ("x", ())]
)
def test_versions_compare_as_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version(text) == numbers


CALLERS = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/ada",
    "LANG": "C.UTF-8",
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "t",
    "KUBECONFIG": "/home/ada/.kube/production",
    "CLOUDFLARE_API_TOKEN": "t",
}


def tool(folder: Path, aws: Aws) -> Terraform:
    return Terraform(aws, folder, folder / "data", "b", "k", 1, print, CALLERS)


@pytest.mark.starts("env")
def test_another_tool_is_sealed_in_the_sandbox(tmp_path: Path) -> None:
    said: list[str] = []
    replace(tool(tmp_path, SANDBOX), say=said.append).run(["env"], {"IMAGE_TAG": "0.1.0"})
    assert said[0].startswith("SANDBOX: env gets an empty home folder")
    has = dict(line.split("=", 1) for line in said[1:] if line)
    assert set(has) & set(CALLERS) == {"PATH", "HOME", "LANG"}
    assert (has["IMAGE_TAG"], has["AWS_ENDPOINT_URL"]) == ("0.1.0", SANDBOX.endpoint)
    assert (has["AWS_ACCESS_KEY_ID"], has["AWS_CONFIG_FILE"]) == ("sandbox", "/dev/null")
    assert list(Path(has["HOME"]).iterdir()) == []
    assert Path(has["HOME"]).is_relative_to(tmp_path)


@pytest.mark.starts("env")
def test_another_tool_has_the_callers_environment_on_aws(tmp_path: Path) -> None:
    said: list[str] = []
    replace(tool(tmp_path, Aws("eu-west-1")), say=said.append).run(["env"], {})
    has = dict(line.split("=", 1) for line in said if line)
    assert {name: has[name] for name in CALLERS} == CALLERS
