"""Nothing that is not what was signed ever runs, and nothing on the host has changed when it is refused."""

from __future__ import annotations

import json
import random
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.domain.ec2 import document, verdict
from tagship.domain.ec2.order import Order
from tests.sandbox.bundles import Bundle, Tamper, add, make
from tests.sandbox.machine import ENTRY, Answer, Machine, machine


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("host")) as one:
        good = make("0.1.0-dev")
        good.put(one.bucket)
        assert one.deploy(good).outcome == "healthy"
        yield one


def refused(host: Machine, bundle: Bundle, asked: Bundle | None = None) -> Answer:
    """Ship `bundle` where `asked` was asked for; it must be refused, and nothing be changed."""
    bundle.put(host.bucket)
    before = (host.state(), host.record("blue"))
    answer = host.deploy(asked or bundle)
    assert (answer.code, answer.outcome, answer.serving) == (5, "refused", "0.1.0-dev"), answer.output
    assert not (host.base / "releases" / bundle.artifact).exists()
    assert (host.state(), host.record("blue"), host.answers()) == (*before, "0.1.0-dev")
    return answer


def flipped(raw: bytes, place: int) -> bytes:
    return raw[:place] + bytes([raw[place] ^ 0x20]) + raw[place + 1 :]


ALTERED = {
    "manifest": "is not the one asked for",
    "signature": "not signed by a key pinned on this host",
    "archive": "was altered (sha256",  # by its own hash, before a byte of it is unpacked
}


@pytest.mark.parametrize("part", ALTERED)
def test_one_altered_byte_in_any_part_is_refused(host: Machine, part: str) -> None:
    good = make("0.1.1-dev")
    raw = getattr(good, part)
    answer = refused(host, replace(good, **{part: flipped(raw, len(raw) // 2)}), good)
    assert ALTERED[part] in answer.reason


def test_another_manifest_of_the_same_id_is_refused_though_it_is_signed(host: Machine) -> None:
    asked, other = make("0.1.1-dev"), make("0.1.1-dev", {"greeting": "of another build"})
    assert "is not the one asked for" in refused(host, other, asked).reason


def test_an_altered_manifest_is_refused_even_where_its_hash_was_asked_for(host: Machine) -> None:
    good = make("0.1.1-dev")
    bad = replace(good, manifest=good.manifest.replace(b"0.1.1-dev", b"0.1.3-dev", 1))
    assert "not signed by a key pinned on this host" in refused(host, bad, bad).reason


def test_fifty_flips_at_random_places_are_refused(host: Machine) -> None:
    good = make("0.1.1-dev")
    chance = random.Random(20261120)
    for _ in range(50):
        part = chance.choice(["manifest", "signature", "archive", "archive"])
        raw = getattr(good, part)
        refused(host, replace(good, **{part: flipped(raw, chance.randrange(len(raw)))}), good)


def test_another_key_is_refused(host: Machine) -> None:
    assert "not signed" in refused(host, make("0.1.1-dev", key=ec.generate_private_key(ec.SECP256R1()))).reason


@pytest.mark.parametrize("field", ["app", "environment", "artifact_id"])
def test_a_manifest_of_something_else_is_refused(host: Machine, field: str) -> None:
    assert "the manifest is of" in refused(host, make("0.1.1-dev", **{field: "other"})).reason


def test_an_artifact_that_is_not_there_is_refused(host: Machine) -> None:
    answer = host.deploy(make("9.9.9-dev"))
    assert (answer.code, answer.outcome, answer.serving) == (5, "refused", "0.1.0-dev")
    assert "s3://hello-artifacts/hello/dev/9.9.9-dev/manifest.json could not be fetched" in answer.reason
    assert "Not Found" in answer.reason


MEMBERS: dict[str, tuple[Tamper, str]] = {
    "parent": (lambda tar: add(tar, "../../pwned", b"x"), "leads out of its folder"),
    "parent-inside": (lambda tar: add(tar, "a/../../pwned", b"x"), "leads out of its folder"),
    "absolute": (lambda tar: add(tar, "/tmp/pwned-by-a-bundle", b"x"), "leads out of its folder"),
    "symlink": (lambda tar: add(tar, "link", kind=tarfile.SYMTYPE, target="/etc"), "other than a regular file"),
    "hardlink": (lambda tar: add(tar, "hard", kind=tarfile.LNKTYPE, target="VERSION"), "other than a regular file"),
    "device": (lambda tar: add(tar, "null", kind=tarfile.CHRTYPE), "other than a regular file"),
    "block": (lambda tar: add(tar, "disk", kind=tarfile.BLKTYPE), "other than a regular file"),
    "fifo": (lambda tar: add(tar, "pipe", kind=tarfile.FIFOTYPE), "other than a regular file"),
    "folder": (lambda tar: add(tar, "folder", kind=tarfile.DIRTYPE), "other than a regular file"),
    "twice": (lambda tar: add(tar, "VERSION", b""), "a name is in it twice"),
    "newline": (lambda tar: add(tar, "a\nb"), "control characters"),
    "escape": (lambda tar: add(tar, "a\x1b[2Jb"), "control characters"),
    "backslash": (lambda tar: add(tar, "a\\nb"), "control characters"),
    "manifest": (lambda tar: add(tar, "manifest.json"), "a name in it is taken"),
    "unnamed": (lambda tar: add(tar, "extra.sh"), "does not name"),
    "dot": (lambda tar: add(tar, "./VERSION"), "leads out of its folder"),
    "bomb": (lambda tar: add(tar, "zeros", bytes(50_000_000)), "unpacks to more than"),
}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_tar_that_could_write_elsewhere_is_refused_though_it_is_signed(host: Machine, member: str) -> None:
    tamper, reason = MEMBERS[member]
    assert reason in refused(host, make("0.1.1-dev", tamper=tamper)).reason
    assert not Path("/tmp/pwned-by-a-bundle").exists()


def test_a_bomb_is_refused_where_the_manifest_does_not_say_the_size(host: Machine) -> None:
    bomb = make("0.1.1-dev", tamper=lambda tar: add(tar, "zeros", bytes(300_000_000)), unpacked=0)
    assert "unpacks to more than" in refused(host, bomb).reason


def test_a_tar_of_too_many_files_is_refused(host: Machine) -> None:
    def many(tar: tarfile.TarFile) -> None:
        for number in range(100_001):
            add(tar, f"f{number}")

    assert "more than 100000 files" in refused(host, make("0.1.1-dev", tamper=many)).reason


def test_what_is_no_tar_is_refused(host: Machine) -> None:
    good = make("0.1.1-dev")
    refused(host, replace(good, archive=b"not a tar"), good)


def test_names_that_only_look_odd_are_fine(tmp_path: Path) -> None:
    odd = {"a b/ü (1).txt": b"1", "-rf": b"2", "a -> b": b"3", "…": b"4", "x..y/..z": b"5"}
    with machine(tmp_path) as host:
        good = make("0.1.0-dev", more=odd)
        good.put(host.bucket)
        assert host.deploy(good).outcome == "healthy"
        assert (host.base / "releases/0.1.0-dev/a b/ü (1).txt").read_bytes() == b"1"


def test_a_host_without_a_pinned_key_refuses(tmp_path: Path) -> None:
    with machine(tmp_path) as host:
        (host.root / "etc/tagship/hello/release.pub.pem").unlink()
        good = make("0.1.0-dev")
        good.put(host.bucket)
        answer = host.deploy(good)
        assert (answer.code, answer.outcome) == (5, "refused")
        assert "no key is pinned on this host" in answer.reason


@pytest.mark.parametrize("name", ["examples/hello/app.py", "SHA256SUMS", "manifest.json", "manifest.sig", "VERSION"])
def test_a_kept_release_that_was_altered_never_runs(tmp_path: Path, name: str) -> None:
    with machine(tmp_path) as host:
        bundles = [make("0.1.0-dev"), make("0.1.1-dev")]
        for bundle in bundles:
            bundle.put(host.bucket)
            host.deploy(bundle)
        kept = host.base / "releases/0.1.0-dev" / name
        kept.write_bytes(flipped(kept.read_bytes(), 1))
        aws = (host.root / "bin/aws").read_text()
        host.tool("aws", "#!/bin/sh\necho no network >&2\nexit 1\n")
        answer = host.rollback(bundles[0])
        assert (answer.code, answer.outcome, host.answers()) == (5, "refused", "0.1.1-dev")
        assert "The release kept on this host is not usable" in answer.output
        host.tool("aws", aws)
        assert host.rollback(bundles[0]).outcome == "healthy"
        assert host.answers() == "0.1.0-dev"


def test_an_altered_release_that_serves_is_replaced_and_started_again(tmp_path: Path) -> None:
    with machine(tmp_path) as host:
        good = make("0.1.0-dev")
        good.put(host.bucket)
        host.deploy(good)
        (host.base / "releases/0.1.0-dev/examples/hello/app.py").write_text("altered")
        assert host.deploy(good).outcome == "healthy"
        assert host.deploy(good).outcome == "unchanged"
        assert host.answers() == "0.1.0-dev"


ARGUMENTS = [
    "../../etc",
    "a;touch pwned",
    "$(touch pwned)",
    "a\nb",
    "ü",
    "",
    "x" * 300,
    "-rf",
    "'",
    '"',
    "\x1b[2J",
    "x y",
]


@pytest.mark.parametrize(
    "field", ["action", "app", "environment", "artifact_id", "manifest_sha256", "bucket", "region"]
)
def test_stage_1_takes_nothing_that_is_not_a_name(host: Machine, field: str) -> None:
    """The fallback document has no patterns: stage 1 has them too."""
    for text in ARGUMENTS:
        order = replace(host.order("deploy", make("0.1.1-dev")), **{field: text})
        lines = document.fallback_commands(order, ENTRY)
        done = subprocess.run(
            ["sh", "-s"],
            check=False,
            input="\n".join(lines),
            env=host.environment({}),
            cwd=host.root,
            capture_output=True,
            text=True,
        )
        verdict = json.loads(done.stdout.split("\n", 1)[0])
        assert (done.returncode, verdict["outcome"]) == (5, "refused"), (field, text, done.stdout)
        assert done.stderr == ""
    assert not (host.root / "pwned").exists()
    assert [entry.name for entry in (host.root / "opt").iterdir()] == ["hello"]


@settings(max_examples=50)
@given(text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=100))
def test_stage_1_answers_a_verdict_whatever_it_is_given(host: Machine, text: str) -> None:
    order = Order(text, text, text, text, text, text, 1, text, text)
    script = "\n".join(document.fallback_commands(order, ENTRY)).encode()
    done = subprocess.run(["sh", "-s"], check=False, input=script, env=host.environment({}), capture_output=True)
    report = verdict.read("i-1", done.stdout.decode(), "")
    assert (done.returncode, report.outcome, done.stderr) == (5, "refused", b"")


def test_status_does_not_run_an_altered_program(tmp_path: Path) -> None:
    with machine(tmp_path) as host:
        good = make("0.1.0-dev")
        good.put(host.bucket)
        host.deploy(good)
        with (host.base / "releases/0.1.0-dev/deploy/ec2_deploy.sh").open("a") as program:
            program.write("touch pwned\n")
        answer = host.status()
        assert (answer.code, answer.outcome) == (5, "refused")
        assert "deploy/ec2_deploy.sh" in answer.reason


def test_a_folder_in_which_something_else_lives_is_left_as_it_is(tmp_path: Path) -> None:
    with machine(tmp_path) as host:
        good = make("0.1.0-dev")
        good.put(host.bucket)
        (host.base / "lost+found").mkdir(parents=True)  # of a mount
        (host.base / ".env.local").write_text("TOKEN=1\n")
        for name in (".env", "app.py"):
            (host.base / name).write_text("1\n")
            (host.base / name).chmod(0o644)
        before = {path: path.stat().st_mode for path in host.base.rglob("*")}
        answer = host.deploy(good)
        assert (answer.code, answer.outcome, answer.verdict["facts"]) == (6, "failed", {"before": "there"})
        assert answer.reason == f"{host.base} has what tagship did not put there: app.py .env"
        assert {path: path.stat().st_mode for path in host.base.rglob("*")} == before
        (host.base / ".env").unlink()
        (host.base / "app.py").unlink()
        assert host.deploy(good).outcome == "healthy"
