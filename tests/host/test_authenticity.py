"""Nothing that is not what was signed runs on a real host. (Every byte and every kind of member: make bench-shell.)

Every program of these bundles says that it ran, and so does the app. Those of the signed one did; nobody else may.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tagship.domain import layout
from tagship.domain.ec2.document import pin_commands
from tagship.domain.keys import pinned as pinned_words
from tests.host.host import BUCKET, Host, Shop, _units
from tests.program.test_host_tampering import MEMBERS, OUT, flipped, header
from tests.sandbox import keyring
from tests.sandbox.bundles import ROOT, Bundle, Tamper, make, settings
from tests.sandbox.machine import ENTRY, Answer

OLD, NEW = "0.1.0-dev", "0.1.1-dev"
RAN = b'echo "${BASH_SOURCE[0]}" >>/ran\n'
APP = b"import os, runpy, sys\nopen(os.environ['OUTPUT_DIR'] + '/ran', 'w').close()\n"
APP += b"runpy.run_path(sys.argv[1], run_name='__main__')\n"


def telling(version: str, tamper: Tamper | None = None, **more: object) -> Bundle:
    """An artifact whose programs say that they ran."""
    programs = ["deploy/ec2_deploy.sh", *(f"deploy/host/{path.name}" for path in (ROOT / "deploy/host").glob("*.sh"))]
    shell = {path: b"#!/usr/bin/env bash\n" + RAN + (ROOT / path).read_bytes() for path in programs}
    using = settings(manager="systemd", command=["/usr/bin/python3", "first.py", "examples/hello/app.py"])
    return make(version, using=using, more={**_units(), **shell, "first.py": APP}, tamper=tamper, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def guarded(used_host: Host) -> Host:
    """A host on which the signed one serves."""
    used_host.reset()
    answer = used_host.deploy(used_host.publish(telling(OLD)))
    assert answer.outcome == "healthy", answer.output
    assert "ec2_deploy.sh" in used_host.machine.check("cat /ran /opt/hello/output/ran && rm /ran /opt/hello/output/ran")
    return used_host


def middle(part: str) -> Callable[[], Bundle]:
    """One byte of a part, in its middle, is another."""

    def flip() -> Bundle:
        good = telling(NEW)
        return flipped(good, part, len(getattr(good, part)) // 2, 0x20)

    return flip


def member(name: str) -> Callable[[], Bundle]:
    return lambda: telling(NEW, MEMBERS[name][0])


NOT_SIGNED = "not signed by a key pinned on this host"
TAMPERED: dict[str, tuple[Callable[[], Bundle], str]] = {
    "a byte of the manifest": (middle("manifest"), NOT_SIGNED),
    "a byte of the signature": (middle("signature"), NOT_SIGNED),
    "a byte of the bundle": (middle("archive"), "was altered (sha256"),
    "another key": (lambda: telling(NEW, key=ec.generate_private_key(ec.SECP256R1())), NOT_SIGNED),
    "nobody's": (lambda: replace(telling(NEW), signature=None), "the order does not allow that"),
    "a file that runs as root": (
        lambda: header(telling(NEW), "VERSION", 100, b"%07o\0" % 0o4755),
        "with the rights of another",
    ),
    **{
        name: (member(name), MEMBERS[name][1])
        for name in ("parent", "absolute", "through a link", "onto a hard link", "block device", "a bomb")
    },
    "the same program twice": (member("the same program twice"), MEMBERS["the same program twice"][1]),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_tampered_with_is_refused_before_anything_of_it_runs(guarded: Host, name: str) -> None:
    tamper, reason = TAMPERED[name]
    before = guarded.state()
    answer = guarded.deploy(guarded.publish(tamper()))
    assert (answer.code, answer.outcome, answer.serving) == (5, "refused", OLD), answer.output
    assert reason in answer.reason
    assert traces(guarded) == []
    assert (guarded.state(), guarded.answers()) == (before, OLD)
    assert guarded.machine.check("ls /opt/hello/releases") == OLD


def traces(host: Host) -> list[str]:
    """Whatever ran, or was written elsewhere."""
    elsewhere = host.machine.check(f"if [ -e /tmp/{OUT} ]; then echo /tmp/{OUT}; fi").split()
    return [str(path) for path in host.machine.written() if path.name in {"ran", OUT}] + elsewhere


# -- unsigned ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def lax(host: Host) -> Iterator[Host]:
    """A host that takes what nobody signed, where the order says so too."""
    host.machine.check("touch /etc/tagship/hello/allow-unsigned")
    try:
        yield host
    finally:
        host.machine.check("rm -f /etc/tagship/hello/allow-unsigned")


def test_what_nobody_signed_runs_where_order_and_host_allow_it_and_every_word_says_so(lax: Host, shop: Shop) -> None:
    first, second = (lax.publish(replace(shop.docker(version), signature=None)) for version in (OLD, NEW))
    order: dict[str, Any] = {"unsigned": "allowed"}
    for answer in (
        lax.deploy(first, **order),
        lax.deploy(second, **order),
        lax.rollback(first, **order),
        lax.run(lax.order("status", None, fence=0, **order)),
    ):
        assert (answer.outcome, answer.unsigned) == ("healthy", True), answer.output
        assert f"UNSIGNED: nobody signed {answer.serving}\n" in answer.output
    assert lax.answers() == OLD
    refused(lax, lax.rollback(second), "the order does not allow that")
    lax.machine.check("rm /etc/tagship/hello/allow-unsigned")
    refused(lax, lax.rollback(second, **order), "this host has no /etc/tagship/hello/allow-unsigned")


def refused(host: Host, answer: Answer, reason: str) -> None:
    """What is kept is not run either."""
    assert (answer.code, answer.outcome, host.answers()) == (5, "refused", OLD), answer.output
    assert reason in answer.reason


@pytest.mark.parametrize("unsigned", ["refused", "allowed"])
def test_a_host_that_does_not_allow_it_runs_nothing_that_nobody_signed(host: Host, unsigned: str) -> None:
    bundle = host.publish(replace(telling(NEW), signature=None))
    answer = host.deploy(bundle, unsigned=unsigned)
    assert (answer.code, answer.outcome, answer.serving) == (5, "refused", ""), answer.output
    assert (traces(host), host.answers()) == ([], "")
    assert host.machine.check("ls /opt/hello/releases") == ""


# -- other keys --------------------------------------------------------------------------------------------------------


@pytest.fixture
def keyed(host: Host) -> Iterator[Host]:
    """A host whose keys are pinned by `pin`, and are gone afterwards."""
    try:
        yield host
    finally:
        host.machine.check("cd /etc/tagship/hello && rm -rf keys.d orders.d revoked environment")


def pinned(host: Host, *names: str, revoked: tuple[str, ...] = ()) -> str:
    """Pin keys as the agent runs what `inv pin` sends."""
    words = pinned_words([keyring.pem(name) for name in names], [keyring.pem("orders")])
    lines = pin_commands("hello", "dev", words, [keyring.id_of(name) for name in revoked], ENTRY)
    return host.machine.check(shlex.join(["sh", "-c", "\n".join(lines) + "\n"]))


def test_the_keys_of_a_host_that_serves_are_changed_and_a_rollback_goes_back_over_that(keyed: Host) -> None:
    first, second = (
        keyed.publish(telling(version, key=keyring.key(name), signed_by=keyring.id_of(name)))
        for version, name in ((OLD, "old"), (NEW, "new"))
    )
    assert '"outcome":"unchanged"' in pinned(keyed, "old")
    assert keyed.deploy(first).outcome == "healthy"
    refused(keyed, keyed.deploy(second), f"{keyring.id_of('new')}, which is no key pinned on this host")
    pinned(keyed, "new", "old")
    assert [keyed.deploy(second).outcome, keyed.rollback(first).outcome] == ["healthy", "healthy"]
    pinned(keyed, "new", revoked=("old",))
    refused(keyed, keyed.deploy(first), "and that key is revoked")
    place = keyed.aws / "s3" / BUCKET / layout.artifact("hello", "dev", OLD, layout.signature_by(keyring.id_of("new")))
    place.write_bytes(keyring.key("new").sign(first.manifest, ec.ECDSA(hashes.SHA256())))
    assert keyed.deploy(second).outcome == "healthy"
    assert keyed.rollback(first).outcome == "healthy"
    assert (keyed.answers(), keyed.status().outcome) == (OLD, "healthy")
