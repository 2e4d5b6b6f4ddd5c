"""The SSM document: what travels, and that nothing that travels is ever interpreted."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.domain.ec2 import document
from tagship.domain.ec2.order import Order
from tagship.errors import UsageError

ROOT = Path(__file__).parents[4]
TEMPLATE = (ROOT / "deploy/aws/ssm-document.json").read_text("utf-8")
ENTRY = (ROOT / "deploy/host/entry.sh").read_text("utf-8")
RENDERED = json.loads(document.render(TEMPLATE, ENTRY))
ORDER = Order(
    action="deploy",
    app="hello",
    environment="dev",
    artifact_id="0.1.30-dev",
    manifest_sha256="ab" * 32,
    deployment_id="20261120-155301-123456-9f3a1c",
    fence=7,
    bucket="hello-artifacts",
    region="us-east-1",
    numbers="KEEP=3,DRAIN=0,HEALTH_CAP=60",
)
ECHO = 'printf "%s\\0" "$@"\n'  # a stage 1 that says what it was given
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=80)
NASTY = [
    "'; touch pwned; '",
    "$(touch pwned)",
    "`touch pwned`",
    "a\nTAGSHIP_ENTRY\ntouch pwned",
    "{{ssm:secret}}",
    "{{{ssm:x}}}",
    "-rf",
    "\\",
    "*",
]


def test_the_document_is_schema_2_2_with_stage_1_in_it() -> None:
    lines = RENDERED["mainSteps"][0]["inputs"]["runCommand"]
    assert RENDERED["schemaVersion"] == "2.2"
    assert lines[0] == "set -eu"
    assert lines[1].startswith("exec bash -c '. /dev/stdin' /dev/stdin '{{ action }}' '{{ app }}'")
    assert lines[1].endswith("<<'TAGSHIP_ENTRY'")
    assert "\n".join(lines[2:-1]) + "\n" == ENTRY
    assert lines[-1] == "TAGSHIP_ENTRY"


def test_values_appear_only_as_quoted_arguments() -> None:
    inputs = json.dumps(RENDERED["mainSteps"])
    quoted = re.findall(r"'\{\{ (\w+) \}\}'", inputs)
    assert quoted == [name for name in document.parameters(ORDER) if name != "executionTimeout"]
    assert inputs.count("{{") == len(quoted) + 1  # timeoutSeconds


def test_it_fits_with_its_parameters() -> None:
    size = len(document.render(TEMPLATE, ENTRY)) + len(json.dumps(document.parameters(ORDER)))
    assert size < document.LIMIT * 3 // 4


def test_stage_1_that_grew_too_long_is_an_error() -> None:
    with pytest.raises(UsageError, match="bytes"):
        document.render(TEMPLATE, "# long\n" * 20_000)


@pytest.mark.parametrize("entry", ["echo {{ action }}\n", "a\nTAGSHIP_ENTRY\nb\n"])
def test_stage_1_that_would_not_arrive_whole_is_an_error(entry: str) -> None:
    with pytest.raises(UsageError, match="does not fit into an SSM document"):
        document.render(TEMPLATE, entry)


def test_an_order_is_the_documents_parameters_one_to_one() -> None:
    assert set(document.parameters(ORDER)) == set(RENDERED["parameters"])
    assert document.parameters(ORDER)["fence"] == ["7"]


def test_an_order_that_names_no_artifact_says_none() -> None:
    given = document.parameters(Order("status", "hello", "dev", "", "", "", 0, "hello-artifacts", "us-east-1"))
    assert [given[name] for name in ("artifact", "manifestSha256", "deployment", "numbers")] == [["none"]] * 4


@pytest.mark.parametrize("name", sorted(RENDERED["parameters"]))
def test_every_parameter_has_a_strict_anchored_pattern(name: str) -> None:
    parameter = RENDERED["parameters"][name]
    pattern = parameter["allowedPattern"]
    assert parameter["type"] == "String"
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert re.search(pattern, document.parameters(ORDER)[name][0])
    if "default" in parameter:
        assert re.search(pattern, parameter["default"])
    for nasty in [*NASTY, "", " ", "a b", "ü", "x" * 300, "١٢٣"]:
        assert not re.search(pattern, nasty)


def numbered(text: str) -> bool:
    """Whether a text is made of nothing but what operational numbers are made of."""
    return re.fullmatch(r"[A-Z][A-Z_]*=[0-9]+(,[A-Z_]+=[0-9]+)*", text.removesuffix("\n")) is not None


@given(TEXT)
def test_no_pattern_lets_a_shell_character_through(text: str) -> None:
    for parameter in RENDERED["parameters"].values():
        if re.search(parameter["allowedPattern"], text.removesuffix("\n")):
            assert re.fullmatch(r"[A-Za-z0-9.\-]+", text.removesuffix("\n")) or numbered(text)


def through_sh(order: Order) -> list[str]:
    """What stage 1 is given when the fallback's lines run as the agent runs them."""
    script = "\n".join(document.fallback_commands(order, ECHO))
    done = subprocess.run(["sh", "-s"], input=script.encode(), capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.starts("sh")
@pytest.mark.parametrize("nasty", NASTY)
def test_the_fallback_interprets_nothing(nasty: str) -> None:
    order = Order(nasty, nasty, nasty, nasty, nasty, nasty, 1, nasty, nasty, unsigned=nasty, numbers=nasty)
    assert through_sh(order) == [nasty] * 6 + ["1"] + [nasty] * 4
    assert not any("{{" in line for line in document.fallback_commands(order, ECHO))
    assert not Path("pwned").exists()


@pytest.mark.starts("sh")
@settings(max_examples=60)
@given(st.lists(TEXT.filter(bool), min_size=10, max_size=10))
def test_the_fallback_gives_back_any_text(texts: list[str]) -> None:
    order = Order(*texts[:6], 1, *texts[6:8], unsigned=texts[8], numbers=texts[9])  # type: ignore[call-arg, arg-type]
    assert through_sh(order) == [*texts[:6], "1", *texts[6:]]
