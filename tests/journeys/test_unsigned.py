"""Artifacts that nobody signed, on hosts: order and host have to allow them, both; nothing in the bucket can.

Through the whole of it as well: published without a key, deployed, rolled back, and seen by everyone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tagship.domain import layout
from tagship.domain.ec2 import document
from tagship.domain.history import as_data
from tagship.errors import ArtifactError
from tagship.sandbox import lifecycle
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tagship.verbs.history import history
from tagship.verbs.rollback import rollback
from tagship.verbs.status import status
from tagship.verbs.verify import verify
from tests.sandbox import shop
from tests.sandbox.bundles import Bundle, make
from tests.sandbox.conftest import client, start
from tests.sandbox.head import head
from tests.sandbox.machine import ENTRY, Answer, Machine, machine
from tests.sandbox.shop import Shop

BUCKET = "hello-artifacts"
RUN = (sys.executable, "-c", "from tagship.tasks.program import run; run()")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    """A host that takes what nobody signed, where the order says so too."""
    with machine(tmp_path) as one:
        allow(one).touch()
        yield one


def allow(host: Machine) -> Path:
    return host.root / "etc/tagship/hello/allow-unsigned"


def nobodys(artifact: str) -> Bundle:
    return replace(make(artifact), signature=None)


def put(host: Machine, bundle: Bundle) -> Bundle:
    bundle.put(host.bucket)
    return bundle


def refused(host: Machine, answer: Answer, reason: str) -> None:
    assert (answer.code, answer.outcome) == (5, "refused"), answer.output
    assert reason in answer.reason
    assert list((host.base / "releases").iterdir()) == []
    assert not list(host.root.rglob("app.py"))  # not unpacked anywhere, nothing started
    assert host.answers() == ""


# -- who has to allow it -----------------------------------------------------------------------------------------------


def test_where_order_and_host_allow_it_it_runs_and_every_word_of_the_host_says_so(host: Machine) -> None:
    first, second = put(host, nobodys("0.1.0-dev")), put(host, nobodys("0.1.1-dev"))
    for answer in (
        host.deploy(first, unsigned="allowed"),
        host.deploy(second, unsigned="allowed"),
        host.rollback(first, unsigned="allowed"),
        host.deploy(first, unsigned="allowed"),
        host.run(host.order("status", None, fence=0, unsigned="allowed")),
        host.run(host.order("prune", None, unsigned="allowed")),
    ):
        assert answer.code == 0, answer.output
        assert answer.unsigned is True
        assert f"UNSIGNED: nobody signed {answer.serving}\n" in answer.output
    assert host.answers() == "0.1.0-dev"
    log = (host.base / f"log/{host.state()['deployment']}.log").read_text()
    assert "UNSIGNED: nobody signed 0.1.0-dev; the order and this host allow it" in log


def test_an_order_that_does_not_allow_it_is_refused(host: Machine) -> None:
    bundle = put(host, nobodys("0.1.0-dev"))
    refused(host, host.deploy(bundle), "nobody signed 0.1.0-dev, and the order does not allow that")


def test_a_host_that_does_not_allow_it_refuses_whatever_the_order_says(host: Machine) -> None:
    allow(host).unlink()
    bundle = put(host, nobodys("0.1.0-dev"))
    refused(host, host.deploy(bundle, unsigned="allowed"), f"and this host has no {allow(host)}")


def test_a_link_to_nowhere_allows_nothing(host: Machine) -> None:
    allow(host).unlink()
    allow(host).symlink_to("nowhere")
    bundle = put(host, nobodys("0.1.0-dev"))
    refused(host, host.deploy(bundle, unsigned="allowed"), "this host has no")


def test_the_manifest_asked_for_is_pinned_all_the_same(host: Machine) -> None:
    asked = nobodys("0.1.0-dev")
    put(host, replace(make("0.1.0-dev", {"greeting": "of another"}), signature=None))
    refused(host, host.deploy(asked, unsigned="allowed"), "is not the one asked for")


def test_its_bundle_is_checked_all_the_same(host: Machine) -> None:
    good = nobodys("0.1.0-dev")
    bad = put(host, replace(good, archive=good.archive[:-9] + b"x" + good.archive[-8:]))
    refused(host, host.deploy(bad, unsigned="allowed"), "was altered (sha256")


def test_nothing_that_is_unsigned_can_say_that_unsigned_is_fine(host: Machine) -> None:
    """Neither a manifest that says so, nor a bundle with the host's file in it."""
    allow(host).unlink()
    more = {"etc/tagship/hello/allow-unsigned": b"", "allow-unsigned": b""}
    bundle = replace(make("0.1.0-dev", more=more), signature=None)
    put(host, bundle)
    refused(host, host.deploy(bundle, unsigned="allowed"), "this host has no")
    assert not allow(host).exists()


# -- what is signed is verified ----------------------------------------------------------------------------------------


def test_a_wrong_signature_is_refused_where_none_would_be_taken(host: Machine) -> None:
    another = put(host, make("0.1.0-dev", key=ec.generate_private_key(ec.SECP256R1())))
    refused(host, host.deploy(another, unsigned="allowed"), "not signed by a key pinned on this host")
    for signature in (b"", b"none", make("0.1.0-dev").signature):
        bad = put(host, replace(make("0.1.0-dev", {"greeting": "x"}), signature=signature))
        refused(host, host.deploy(bad, unsigned="allowed"), "not signed by a key pinned on this host")


def test_a_signed_one_is_not_called_unsigned(host: Machine) -> None:
    answer = host.deploy(put(host, make("0.1.0-dev")), unsigned="allowed")
    assert (answer.outcome, answer.unsigned) == ("healthy", False)
    assert "UNSIGNED" not in answer.output


def test_a_signature_with_no_key_to_verify_it_is_refused(host: Machine) -> None:
    (host.root / "etc/tagship/hello/release.pub.pem").unlink()
    bundle = put(host, make("0.1.0-dev"))
    refused(host, host.deploy(bundle, unsigned="allowed"), "not signed by a key pinned on this host")


def test_a_host_with_no_key_runs_what_nobody_signed(host: Machine) -> None:
    (host.root / "etc/tagship/hello/release.pub.pem").unlink()
    assert host.deploy(put(host, nobodys("0.1.0-dev")), unsigned="allowed").outcome == "healthy"


@pytest.mark.parametrize(
    "said",
    [
        "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
        "fatal error: An error occurred (503) when calling the GetObject operation: Slow Down",
        'Could not connect to the endpoint URL: "https://s3/hello/dev/0.404.0-dev/manifest.sig?NoSuchKey"',
        "",
    ],
)
def test_a_signature_that_could_not_be_fetched_is_not_one_that_is_not_there(host: Machine, said: str) -> None:
    bundle = put(host, make("0.404.0-dev"))
    host.tool("aws", f"#!/bin/sh\ncase $3 in *.sig) echo '{said}' >&2; exit 1 ;; esac\n{aws(host)}")
    refused(host, host.deploy(bundle, unsigned="allowed"), "manifest.sig could not be fetched")


def aws(host: Machine) -> str:
    return (host.root / "bin/aws").read_text().partition("\n")[2]


# -- when it is taken back ---------------------------------------------------------------------------------------------


def test_a_kept_release_that_nobody_signed_does_not_run_once_either_permission_is_gone(host: Machine) -> None:
    old, new = put(host, nobodys("0.1.0-dev")), put(host, make("0.1.1-dev"))
    host.deploy(old, unsigned="allowed")
    host.deploy(new, unsigned="allowed")
    for answer in (host.rollback(old), (allow(host).unlink(), host.rollback(old, unsigned="allowed"))[1]):
        assert (answer.code, answer.outcome, answer.serving) == (5, "refused", "0.1.1-dev")
        assert "nobody signed 0.1.0-dev" in answer.reason
    assert host.answers() == "0.1.1-dev"


def test_a_signed_release_takes_the_place_of_an_unsigned_one_once_the_permission_is_gone(host: Machine) -> None:
    host.deploy(put(host, nobodys("0.1.0-dev")), unsigned="allowed")
    allow(host).unlink()
    said = host.status()
    assert (said.code, said.outcome, said.serving, said.unsigned) == (5, "refused", "0.1.0-dev", True)
    assert "UNSIGNED: nobody signed 0.1.0-dev\n" in said.output
    answer = host.deploy(put(host, make("0.1.1-dev")))
    assert (answer.outcome, answer.serving, answer.unsigned) == ("healthy", "0.1.1-dev", False)


def test_a_failed_deployment_over_an_unsigned_one_says_what_serves_is_unsigned(host: Machine) -> None:
    host.deploy(put(host, nobodys("0.1.0-dev")), unsigned="allowed")
    answer = host.deploy(put(host, make("0.1.1-dev", {"fault": "error"})), unsigned="allowed")
    assert (answer.outcome, answer.serving, answer.unsigned) == ("failed", "0.1.0-dev", True)
    assert "UNSIGNED: nobody signed 0.1.0-dev\n" in answer.output


@pytest.mark.parametrize("text", ["Allowed", "allowed ", "true", "", "allowed\nallowed", "$(touch pwned)", "refused'"])
def test_the_order_s_word_is_one_of_two(host: Machine, text: str) -> None:
    bundle = put(host, nobodys("0.1.0-dev"))
    lines = document.fallback_commands(host.order("deploy", bundle, unsigned=text), ENTRY)
    done = subprocess.run(
        ["sh", "-s"], check=False, input="\n".join(lines).encode(), env=host.environment({}), capture_output=True
    )
    verdict = json.loads(done.stdout.split(b"\n", 1)[0])
    assert (done.returncode, verdict["outcome"]) == (5, "refused")
    assert verdict["reason"] == "unsigned is refused or allowed, and nothing else"
    assert not (host.base / "releases").exists()


# -- the whole of it ---------------------------------------------------------------------------------------------------

KEYLESS = head("hello", shop.BUNDLE, signing="")
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    """A repository without a key, each of whose environments says that it takes unsigned artifacts."""
    more = dict.fromkeys(NAMES, "allow_unsigned = true\n")
    root = shop.make(tmp_path_factory.mktemp("shop"), NAMES, more, KEYLESS)
    yield root, start(root, hosts=1)
    lifecycle.down(root)


_free = iter(NAMES)


@pytest.fixture
def here(running: tuple[Path, Running]) -> Shop:
    return Shop(*running, next(_free))


def test_published_deployed_rolled_back_and_seen_without_a_key(here: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = here.publish("0.1.0"), here.publish("0.1.1")
    keys = [
        one["Key"].rpartition("/")[2]
        for one in client(here.running, "s3").list_objects_v2(
            Bucket=BUCKET, Prefix=f"hello/{here.environment}/{first}/"
        )["Contents"]
    ]
    assert sorted(keys) == [layout.BUNDLE, layout.MANIFEST]
    deploy(here.app(), artifact=first)
    assert deploy(here.app(), artifact=second).as_data()["unsigned"] is True
    result = rollback(here.app(), to=first)
    assert here.serving() == [first]
    assert [one.unsigned for one in result.reports] == [True]
    assert verify(here.app(), artifact=first).unsigned
    [found] = status(here.app(), env=here.environment)
    assert (found.unsigned, found.drifted) == (True, False)
    assert all(one["unsigned"] for one in as_data(history(here.app(), env=here.environment).deployments))
    said = capsys.readouterr()
    assert f"UNSIGNED: nobody signed {first}" in said.out + said.err


def test_the_commands_say_so_and_their_json_too(here: Shop) -> None:
    version = here.publish("0.1.0")
    for words in (["deploy"], ["verify"], ["why-not", here.environment, version], ["status"]):
        flags = {"deploy": ["--artifact", version], "verify": ["--artifact", version]}.get(words[0], [])
        env = [] if words[0] == "why-not" else ["--env", here.environment]
        done = subprocess.run([*RUN, *words, *flags, *env], cwd=here.root, capture_output=True, text=True, check=False)
        assert "UNSIGNED" in done.stdout + done.stderr, done
    done = subprocess.run(
        [*RUN, "status", "--env", here.environment, "--json"],
        cwd=here.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)[0]["unsigned"] is True


def test_once_the_setting_is_gone_nothing_unsigned_is_deployed(here: Shop) -> None:
    first, second = here.publish("0.1.0"), here.publish("0.1.1")
    deploy(here.app(), artifact=first)
    text = (here.root / "tagship.toml").read_text()
    signed = shop.HEAD + text.removeprefix(KEYLESS).replace("allow_unsigned = true", "")
    (here.root / "tagship.toml").write_text(signed)
    try:
        for verb in (
            lambda: deploy(here.app(), artifact=second),
            lambda: rollback(here.app(), to=second),
        ):
            with pytest.raises(ArtifactError, match="accepts no unsigned artifacts"):
                verb()
    finally:
        (here.root / "tagship.toml").write_text(text)
    assert here.serving() == [first]
