"""User data: what is in the script, and that nothing in it is more than itself."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.domain.ec2 import numbers, userdata

ROOT = Path(__file__).parents[4]
PROGRAM = (ROOT / "deploy/user_data.sh").read_text("utf-8")
ENTRY = (ROOT / "deploy/host/entry.sh").read_text("utf-8")
VALUES = {
    "APP": "hello",
    "ENVIRONMENT": "dev",
    "DEPLOYMENT_BUCKET": "b",
    "REGION": "r",
    "NEEDS": "",
    "ALLOW_UNSIGNED": "",
}
MOST = {
    "KEEP": 50,
    "DRAIN": 600,
    "TIMEOUT": 172_800,
    "HEALTH_ATTEMPTS": 60,
    "HEALTH_ATTEMPTS_AFTER_ROLLBACK": 60,
    "HEALTH_PASSES": 10,
    "HEALTH_TIMEOUT": 60,
    "HEALTH_CAP": 300,
}
SAY = 'printf "%s\\0" "$APP" "$ENVIRONMENT" "$DEPLOYMENT_BUCKET" "$REGION" "$NEEDS" "$DEPLOYMENT_KEY" "$KEYS"\n'
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\n\r"), max_size=40)


def unpacked(script: str, name: str) -> str:
    packed = re.search(r"^PACKED=(\S+)$", script, re.MULTILINE)
    assert packed
    entry, program = gzip.decompress(base64.b64decode(packed[1])).decode().split("\f")
    return {"ENTRY": entry, "PROGRAM": program}[name]


def test_both_programs_are_packed_without_their_comments_and_indentation() -> None:
    script = userdata.render(
        "#!/bin/sh\n# why\n  # more\n  echo '# kept' # not kept\n", ENTRY, values=VALUES, key="", keys="k"
    )
    assert unpacked(script, "PROGRAM") == "#!/bin/sh\necho '# kept'\n"
    assert "flock -n 9" in unpacked(script, "ENTRY")
    assert not re.search(r"^\s*# ", unpacked(script, "ENTRY"), re.MULTILINE)


def test_the_longest_names_and_a_key_fit_into_what_ec2_takes() -> None:
    longest = {
        "APP": "a" * 31,
        "ENVIRONMENT": "e" * 31,
        "DEPLOYMENT_BUCKET": "b" * 63,
        "REGION": "r" * 30,
        "NEEDS": "docker haproxy",
        "ALLOW_UNSIGNED": "false",
        "NUMBERS": numbers.written(MOST),
    }
    key = f"{longest['APP']}/{longest['ENVIRONMENT']}/{'v' * 64}/deploy-bundle.tar.gz"
    longest |= {"REVOKED": "0123456789abcdef", "ATTESTED": "false"}
    p_256 = " ".join(["release:" + "k" * 88, "orders:" + "k" * 88] * 2)  # an old key of each beside the new one
    assert len(userdata.render(PROGRAM, ENTRY, values=longest, key=key, keys=p_256)) < userdata.LIMIT - 256


def test_the_same_settings_render_the_same_bytes() -> None:
    one, other = (userdata.render("x\n", ENTRY, values=VALUES, key="k", keys="p") for _ in range(2))
    assert one == other
    assert userdata.squeezed(one) == userdata.squeezed(other)


def run(script: str, **variables: str) -> list[str]:
    done = subprocess.run(
        ["bash"], input=script.encode(), env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, check=True
    )
    assert done.stderr == b""
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.starts("bash")
@settings(max_examples=50)
@given(st.lists(TEXT, min_size=6, max_size=6))
def test_whatever_a_value_holds_it_arrives_as_it_was(texts: list[str]) -> None:
    names = ["APP", "ENVIRONMENT", "DEPLOYMENT_BUCKET", "REGION", "NEEDS"]
    values = {**dict(zip(names, texts, strict=False)), "ALLOW_UNSIGNED": "false"}
    key = texts[5] or "k"
    script = userdata.render(SAY, ENTRY, values={**values, "APP": "a", "ENVIRONMENT": "e"}, key=key, keys="p\nq")
    assert run(script) == ["a", "e", *texts[2:5], key, "p\nq"]


@pytest.mark.starts("bash")
def test_a_key_that_was_exported_counts_only_where_none_is_pinned() -> None:
    nasty = "$(touch pwned) `x` \"'"
    free = userdata.render(SAY, ENTRY, values=VALUES, key="", keys="p")
    pinned = userdata.render(SAY, ENTRY, values=VALUES, key="mine", keys="p")
    assert run(free, DEPLOYMENT_KEY=nasty)[5] == nasty
    assert run(free)[5] == ""
    assert run(pinned, DEPLOYMENT_KEY=nasty)[5] == "mine"


@pytest.mark.starts("bash")
def test_a_program_that_did_not_arrive_whole_is_not_run() -> None:
    script = userdata.render(SAY, ENTRY, values=VALUES, key="", keys="p")
    cut = re.sub(r"^(PACKED=.{40}).*$", r"\1", script, count=1, flags=re.MULTILINE)
    done = subprocess.run(["bash"], input=cut.encode(), env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stdout == b""


def test_what_is_compressed_is_the_same_script() -> None:
    script = userdata.render("x\n", ENTRY, values=VALUES, key="", keys="p")
    assert gzip.decompress(userdata.squeezed(script)).decode() == script
    assert json.dumps(script)


def test_what_a_first_boot_can_do_without_is_left_out_and_what_it_needs_is_not() -> None:
    entry = unpacked(userdata.render("x\n", ENTRY, values=VALUES, key="", keys="k"), "ENTRY")
    assert "read_only" not in entry
    assert "disk() {" in entry
    called = set(re.findall(r"\b[a-z_]+\b", entry)) & set(re.findall(r"^([a-z_]+)\(\) \{$", ENTRY, re.MULTILINE))
    assert called == set(re.findall(r"^([a-z_]+)\(\) \{$", entry, re.MULTILINE)), "nothing calls what was left out"
