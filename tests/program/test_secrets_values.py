"""Any value: out of Parameter Store and Secrets Manager, through `aws` and awk, into the environment of a process."""

from __future__ import annotations

import html
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.domain.manifest import BundleRef, Manifest
from tagship.domain.secrets import SECRETS_MANAGER, SSM, SecretRef
from tagship.sandbox.hosts.tools import SYSTEM, install_tools
from tagship.sandbox.state import Running
from tests.sandbox.bundles import ROOT
from tests.sandbox.conftest import client

HOST = ROOT / "deploy/host"
VERSION = "a1b2c3d4-5678-90ab-cdef-000000000001"
ODD = [
    "'",
    '"',
    "\\",
    "\n",
    "\r",
    "\t",
    "$HOME",
    "$(id)",
    "`id`",
    "%s",
    "#",
    " ",
    "{",
    "}",
    "é",
    "𝄞",
    "\u2028",
    "\x7f",
    "\x1b",
]
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=100)
ANY = st.one_of(TEXT, st.lists(st.sampled_from(ODD), max_size=20).map("".join))
# Parameter Store takes no empty value, and none with {{ in it (its API reference).
STORED = ANY.filter(lambda value: bool(value) and "{{" not in value)

# Stage 2's words, with what it knows by then; then a colour's environment, as the process manager starts it.
PROGRAM = """
PROGRAM=$1 BASE=$2 REGION=us-east-1 ENVIRONMENT=dev VARIABLES='' IDLE=blue PROBLEM=''
set -uo pipefail
. "$PROGRAM/entry.sh"; . "$PROGRAM/secrets.sh"; . "$PROGRAM/runtime_process.sh"
ACTION=deploy ARTIFACT=$3 DEPLOYMENT=d FENCE=1
fetch_secrets "$3" >/dev/null || { printf '%s\\n' "$PROBLEM" >&2; exit 6; }
render_environment blue 1 "$3" || exit
exec bash "$PROGRAM/launch.sh" "$BASE/run/blue" "1 $3" "$BASE/run/blue.env" "$BASE" env -0
"""


class Host:
    """A host's disk, with the sandbox's `aws` or another one on its PATH."""

    def __init__(self, root: Path, running: Running | None) -> None:
        self.base, self.bin, self.count = root / "opt", root / "bin", 0
        (self.base / "run").mkdir(parents=True)
        self.bin.mkdir()
        self.url = running.aws_url if running else "http://127.0.0.1:1"
        self.keys = running.keys.variables if running else {}
        install_tools(self.bin, ("aws",))

    def release(self, secrets: dict[str, SecretRef]) -> str:
        """A kept release with a manifest that names these."""
        self.count += 1
        name = f"0.1.{self.count}-dev"
        bundle = BundleRef("b", "0" * 64, 1, "0" * 64)
        manifest = Manifest(
            "hello", "dev", name, name, "c0ffee", "dev", name, "2026", "ada", bundle, {"x": "0"}, secrets=secrets
        )
        folder = self.base / "releases" / name
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_bytes(manifest.to_json())
        return name

    def start(self, release: str) -> subprocess.CompletedProcess[bytes]:
        path = os.pathsep.join([str(self.bin), *SYSTEM])
        return subprocess.run(
            ["bash", "-c", PROGRAM, "-", str(HOST), str(self.base), release],
            env={
                "PATH": path,
                "HOME": str(self.base),
                "AWS_ENDPOINT_URL": self.url,
                "TAGSHIP_HOST_ROOT": "",
                **self.keys,
            },
            capture_output=True,
            check=False,
        )

    def environment(self, secrets: dict[str, SecretRef]) -> dict[str, str]:
        """What a process sees of these secrets."""
        done = self.start(self.release(secrets))
        assert (done.returncode, done.stderr) == (0, b"")
        return seen(done.stdout, secrets)


def seen(raw: bytes, names: Any) -> dict[str, str]:
    found = dict(one.split("=", 1) for one in raw.decode().split("\0") if "=" in one)
    return {name: found[name] for name in names}


@pytest.fixture(scope="module")
def host(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("host"), sandbox)


@pytest.fixture(scope="module")
def vault(sandbox: Running) -> Any:
    return client(sandbox, "secretsmanager")


def put(ssm: Any, values: Sequence[str]) -> dict[str, SecretRef]:
    """Each value as the next version of a parameter of its own."""
    refs = {}
    for number, value in enumerate(values):
        name = f"/values/v{number}"
        version = ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)["Version"]
        refs[f"V{number}"] = SecretRef(SSM, name, str(version))
    return refs


@settings(max_examples=40, deadline=None)
@given(st.lists(STORED, min_size=1, max_size=12))
def test_any_parameter_arrives_exactly(host: Host, ssm: Any, values: list[str]) -> None:
    refs = put(ssm, values)
    assert list(host.environment(refs).values()) == values


@settings(max_examples=25, deadline=None)
@given(STORED, st.tuples(ANY, ANY), st.booleans())
def test_any_secret_and_any_value_of_a_json_object_arrives_exactly(
    host: Host, vault: Any, whole: str, two: tuple[str, str], plain: bool
) -> None:
    one, other = two
    inner = json.dumps({"a": {"one": "not this"}, "one": one, "two.b": other, "n": 12.5}, ensure_ascii=plain, indent=2)
    refs = {}
    for name, text in (("values/whole", whole), ("values/object", inner)):
        try:
            version = vault.put_secret_value(SecretId=name, SecretString=text)["VersionId"]
        except vault.exceptions.ResourceNotFoundException:
            version = vault.create_secret(Name=name, SecretString=text)["VersionId"]
        refs[name] = version
    wanted = {
        "WHOLE": SecretRef(SECRETS_MANAGER, "values/whole", refs["values/whole"]),
        "ALL": SecretRef(SECRETS_MANAGER, "values/object", refs["values/object"]),
        "ONE": SecretRef(SECRETS_MANAGER, "values/object", refs["values/object"], "one"),
        "TWO": SecretRef(SECRETS_MANAGER, "values/object", refs["values/object"], "two.b"),
        "NUMBER": SecretRef(SECRETS_MANAGER, "values/object", refs["values/object"], "n"),
    }
    assert host.environment(wanted) == {"WHOLE": whole, "ALL": inner, "ONE": one, "TWO": other, "NUMBER": "12.5"}


def test_more_parameters_than_one_call_takes_and_large_ones(host: Host, ssm: Any) -> None:
    values = [f"{number} {'x' * 4000}" for number in range(23)]
    assert list(host.environment(put(ssm, values)).values()) == values


def test_an_older_version_is_what_arrives_where_it_is_named(host: Host, ssm: Any) -> None:
    refs = [put(ssm, [value])["V0"] for value in ("older", "newer")]
    assert host.environment({"V": refs[0]}) == {"V": "older"}
    assert host.environment({"V": refs[1]}) == {"V": "newer"}


def test_what_is_kept_is_its_owners_alone_and_needs_no_network_again(host: Host, ssm: Any) -> None:
    release = host.release(put(ssm, ["a value"]))
    assert host.start(release).returncode == 0
    kept = host.base / "secrets" / f"{release}.env"
    for path in (kept, host.base / "run/blue.env", host.base / ".env.new"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    url, host.url = host.url, "http://127.0.0.1:1"
    again = host.start(release)
    host.url = url
    assert seen(again.stdout, ["V0"]) == {"V0": "a value"}


@pytest.fixture
def troubles(ssm: Any, vault: Any) -> Iterator[dict[str, tuple[SecretRef, str]]]:
    """Secrets that cannot be had, and what is said of each."""
    put(ssm, ["top-secret"])
    made = {
        name: vault.create_secret(Name=f"values/{name}", **value)["VersionId"]
        for name, value in {
            "plain": {"SecretString": "top-secret"},
            "nul": {"SecretString": '{"k": "top-secret\\u0000"}'},
            "nested": {"SecretString": '{"a": {"k": "top-secret"}, "b": null}'},
            "binary": {"SecretBinary": b"top-secret"},
        }.items()
    }
    no_key = 'V is not there: the secret is no JSON object with a value "k"'
    yield {
        "no parameter": (
            SecretRef(SSM, "/values/nowhere", "1"),
            "(V = /values/nowhere version 1): /values/nowhere has no",
        ),
        "no version": (SecretRef(SSM, "/values/v0", "999999"), "/values/v0 has no version 999999"),
        "no secret": (SecretRef(SECRETS_MANAGER, "values/nowhere", VERSION), "ResourceNotFoundException"),
        "no JSON": (SecretRef(SECRETS_MANAGER, "values/plain", made["plain"], "k"), no_key),
        "no such key": (SecretRef(SECRETS_MANAGER, "values/nested", made["nested"], "k"), no_key),
        "null": (SecretRef(SECRETS_MANAGER, "values/nested", made["nested"], "b"), no_key.replace('"k"', '"b"')),
        "a NUL": (SecretRef(SECRETS_MANAGER, "values/nul", made["nul"], "k"), "V holds a NUL"),
        "binary": (
            SecretRef(SECRETS_MANAGER, "values/binary", made["binary"]),
            "values/binary is binary: keep it as text",
        ),
    }
    for name in made:
        vault.delete_secret(SecretId=f"values/{name}", ForceDeleteWithoutRecovery=True)


def test_what_cannot_be_had_is_named_and_nothing_is_kept(
    host: Host, troubles: dict[str, tuple[SecretRef, str]]
) -> None:
    for what, (ref, said) in troubles.items():
        release = host.release({"V": ref})
        done = host.start(release)
        told = done.stderr.decode()
        assert (done.returncode, done.stdout) == (6, b""), what
        assert said in told, told
        assert "top-secret" not in told
        assert not [one for one in (host.base / "secrets").iterdir() if release in one.name]


def test_a_store_that_cannot_be_reached_is_said(host: Host) -> None:
    url, host.url = host.url, "http://127.0.0.1:1"
    done = host.start(host.release({"V": SecretRef(SSM, "/values/v0", "1")}))
    host.url = url
    assert done.returncode == 6
    assert b"(V = /values/v0 version 1): Could not connect to the endpoint URL" in done.stderr


@pytest.mark.parametrize("name", ["awk", "mawk", "gawk", "busybox", "original-awk"])
def test_every_awk_reads_alike(tmp_path: Path, name: str) -> None:
    """Whichever of them the machine has; `awk` is always one. The answer is played: no network."""
    found = shutil.which(name)
    if found is None:
        return
    values = ["".join(ODD), '"\\' * 2000, "'" * 5000, "é" * 9000, "plain", "\n", " \n ", "\\u0041", "]}"]
    parameters = [{"Name": f"/p/{n}", "Value": value, "Version": n + 1} for n, value in enumerate(values)]
    host = Host(tmp_path, None)
    for ascii_only in (False, True):
        answer = tmp_path / "answer"
        answer.write_text(json.dumps({"Parameters": parameters}, ensure_ascii=ascii_only, indent=4), "utf-8")
        (host.bin / "aws").write_text(f"#!/bin/sh\ncat '{answer}'\n")
        (host.bin / "awk").write_text(f'#!/bin/sh\nexec {found} {"awk" if name == "busybox" else ""} "$@"\n')
        (host.bin / "awk").chmod(0o755)
        refs = {f"V{n}": SecretRef(SSM, f"/p/{n}", str(n + 1)) for n in range(len(values))}
        assert list(host.environment(refs).values()) == values


# -- what an app says of them ------------------------------------------------------------------------------------------

MASKING = """
BASE=$1; . "$2/secrets.sh"; masked "$(cat)"; printf '%s' "$REPLY"
"""


def masked(base: Path, values: Sequence[str], said: str) -> str:
    """What is left of an app's words on a host whose release has these secrets."""
    (base / "secrets").mkdir(exist_ok=True)
    quoted = [value.replace("'", "'\\''") for value in values]
    lines = "".join(f"S{number}='{value}'\n" for number, value in enumerate(quoted))
    (base / "secrets/0.1.0-dev.env").write_text("# versions\n" + lines, newline="")
    words = ["bash", "-c", MASKING, "-", str(base), str(HOST)]
    done = subprocess.run(words, input=said.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def spelt(value: str) -> list[str]:
    """How apps print a value, as Python's own libraries write it."""
    go = json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return [
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1].replace("/", "\\/"),
        go[1:-1],
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        html.escape(value),
        html.escape(value, quote=False),
        repr(value)[1:-1],
    ]


def test_secrets_of_one_length_are_each_masked(tmp_path: Path) -> None:
    assert masked(tmp_path, ["first-one", "other-one"], "<first-one other-one>") == "<*** ***>"


SPELT = [text for text in ODD if text != "\u2028"]  # which only some of Python's and Go's printing escapes
QUOTED = "s3cr3t $x '\"# \nsecond 'line\""


@pytest.mark.parametrize("value", ['pa"ss\\word-1', QUOTED, "a/b<c>&d é𝄞", "tab\tdel\x7f\x01q"])
def test_a_secret_is_masked_however_an_app_prints_it(tmp_path: Path, value: str) -> None:
    for line in value.split("\n"):
        for spelling in spelt(line.strip()):
            assert masked(tmp_path, [value], f"its answer: {spelling}.") == "its answer: ***."


@settings(max_examples=20)
@given(st.lists(st.sampled_from([*SPELT, "word", "é9"]), min_size=1, max_size=8).map("".join))
def test_any_secret_is_masked_in_every_spelling(tmp_path_factory: pytest.TempPathFactory, middle: str) -> None:
    value = f"begins{middle}ends"
    printable = [line.strip(" \t\r") for line in value.split("\n")]
    said = "\n".join(spelling for line in printable for spelling in spelt(line) if len(line) >= 4)
    left = masked(tmp_path_factory.mktemp("mask"), [value], said)
    assert set(left.split("\n")) == {"***"}
