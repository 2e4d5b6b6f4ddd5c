"""The same as test_host_refusals, by the thousand: nothing that was tampered with is unpacked, and nothing of it runs.

    make bench-shell    (all of it; make test one in thirty)

Every program of these bundles says first of all that it ran. The one that was signed said so when it was deployed; from
then on nobody may.
"""

from __future__ import annotations

import gzip
import io
import random
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tagship.domain.manifest import Manifest, sha256
from tests.sandbox.bundles import ROOT, Bundle, Tamper, add, make, release_key
from tests.sandbox.machine import Machine, machine
from tests.sandbox.values import STRIDE

FLIPS = 1000 // STRIDE
RAN = b'echo "$0" >>"$TAGSHIP_HOST_ROOT/ran"\n'
PROGRAMS = ("deploy/ec2_deploy.sh", "deploy/host/entry.sh", "deploy/host/health.sh")
APP = b"import os\nopen(os.environ['HOME'] + '/ran', 'a').write('the app\\n')\n"
OUT = "pwned-by-a-bundle"


@cache
def telling() -> dict[str, bytes]:
    """The programs of a bundle, each of which first says that it ran."""
    app = "examples/hello/app.py"
    future, _, rest = (ROOT / app).read_bytes().partition(b"from __future__ import annotations\n")
    shell = {path: b"#!/usr/bin/env bash\n" + RAN + (ROOT / path).read_bytes() for path in PROGRAMS}
    return {**shell, app: (future + b"from __future__ import annotations\n" if rest else b"") + APP + (rest or future)}


def tampered(tamper: Tamper | None = None, **more: object) -> Bundle:
    return make("0.1.1-dev", more=telling(), tamper=tamper, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("host")) as one:
        good = make("0.1.0-dev", more=telling())
        good.put(one.bucket)
        assert one.deploy(good).outcome == "healthy"
        said = (one.root / "ran").read_text()
        assert "the app\n" in said
        assert said.count("ec2_deploy.sh\n") == len(PROGRAMS)  # the other two are sourced by it: $0 is its name
        (one.root / "ran").unlink()
        yield one


def refused(host: Machine, bundle: Bundle, reason: str) -> None:
    """Refused for that reason, and nothing of it has run or is anywhere but where it was downloaded to."""
    bundle.put(host.bucket)
    answer = host.deploy(bundle)
    assert (answer.code, answer.outcome, answer.serving) == (5, "refused", "0.1.0-dev"), answer.output
    assert reason in answer.reason, answer.output
    assert not (host.root / "ran").exists()
    assert [one.name for one in (host.base / "releases").iterdir()] == ["0.1.0-dev"]


def all_refused(host: Machine, bundles: Iterable[Bundle], reason: str) -> None:
    before = (host.state(), host.record("blue"))
    for bundle in bundles:
        refused(host, bundle, reason)
    assert (host.state(), host.record("blue"), host.answers()) == (*before, "0.1.0-dev")
    assert not (host.root / "ran").exists()


# -- flips -------------------------------------------------------------------------------------------------------------


def flipped(good: Bundle, part: str, place: int, bits: int) -> Bundle:
    raw = bytearray(getattr(good, part))
    raw[place] ^= bits
    return replace(good, **{part: bytes(raw)})  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["manifest", "signature"])
def test_every_byte_is_guarded(host: Machine, part: str) -> None:
    """Each in turn, with its own hash asked for: it is the signature alone that refuses."""
    good = tampered()
    places = range(0, len(getattr(good, part)), STRIDE)
    all_refused(host, (flipped(good, part, place, 0x20) for place in places), "not signed by a key pinned on this host")
    print(
        f"{len(places):,} of {len(getattr(good, part)):,} bytes of the {part} flipped in turn, each refused, none ran"
    )


def test_flips_at_random_places_of_the_bundle(host: Machine) -> None:
    good, chance = tampered(), random.Random(20261120)
    bad = (
        flipped(good, "archive", chance.randrange(len(good.archive)), 1 << chance.randrange(8)) for _ in range(FLIPS)
    )
    all_refused(host, bad, "was altered (sha256")
    print(f"{FLIPS:,} random flips of the bundle ({len(good.archive):,} bytes), each refused, none ran")


def test_a_signature_that_is_cut_is_none(host: Machine) -> None:
    """(What is behind a whole one, openssl does not read; the manifest is the signed one all the same.)"""
    good = tampered()
    whole = good.signature or b""
    wrong = [whole[:length] for length in range(0, len(whole), STRIDE)] + [b"\n" + whole]
    all_refused(host, (replace(good, signature=one) for one in wrong), "not signed by a key pinned on this host")


# -- tars, though they are signed --------------------------------------------------------------------------------------


def member(path: str, **fields: object) -> Tamper:
    """One that the library would not write by itself."""

    def put(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(path)
        info.mode, info.size = 0o755, 1
        for name, value in fields.items():
            setattr(info, name, value)
        tar.addfile(info, io.BytesIO(b"x" * info.size))

    return put


def twice(tar: tarfile.TarFile) -> None:
    """The second one would be what is unpacked."""
    add(tar, "deploy/ec2_deploy.sh", RAN)


def through_a_link(tar: tarfile.TarFile) -> None:
    add(tar, "out", kind=tarfile.SYMTYPE, target="/tmp")
    add(tar, f"out/{OUT}", b"x")


def onto_a_hard_link(tar: tarfile.TarFile) -> None:
    add(tar, "out", kind=tarfile.LNKTYPE, target="/etc/passwd")
    add(tar, "out", b"x")


MEMBERS: dict[str, tuple[Tamper, str]] = {
    "parent": (lambda tar: add(tar, f"../{OUT}", b"x"), "leads out of its folder"),
    "many parents": (lambda tar: add(tar, f"{'../' * 30}tmp/{OUT}", b"x"), "leads out of its folder"),
    "parent inside": (lambda tar: add(tar, f"a/../../{OUT}", b"x"), "leads out of its folder"),
    "parent last": (lambda tar: add(tar, "a/..", b"x"), "leads out of its folder"),
    "absolute": (lambda tar: add(tar, f"/tmp/{OUT}", b"x"), "leads out of its folder"),
    "two slashes": (lambda tar: add(tar, f"//tmp/{OUT}", b"x"), "leads out of its folder"),
    "a long absolute name": (lambda tar: add(tar, f"/tmp/{'a' * 120}/{OUT}", b"x"), "leads out of its folder"),
    "symbolic link": (lambda tar: add(tar, "link", kind=tarfile.SYMTYPE, target="/etc"), "other than a regular file"),
    "through a link": (through_a_link, "other than a regular file"),
    "hard link out": (
        lambda tar: add(tar, "h", kind=tarfile.LNKTYPE, target="/etc/passwd"),
        "other than a regular file",
    ),
    "hard link in": (lambda tar: add(tar, "h", kind=tarfile.LNKTYPE, target="VERSION"), "other than a regular file"),
    "onto a hard link": (onto_a_hard_link, "other than a regular file"),
    "character device": (lambda tar: add(tar, "null", kind=tarfile.CHRTYPE), "other than a regular file"),
    "block device": (lambda tar: add(tar, "disk", kind=tarfile.BLKTYPE), "other than a regular file"),
    "fifo": (lambda tar: add(tar, "pipe", kind=tarfile.FIFOTYPE), "other than a regular file"),
    "folder": (lambda tar: add(tar, "folder", kind=tarfile.DIRTYPE), "other than a regular file"),
    "a kind of its own": (member("odd", type=b"V"), "other than a regular file"),
    "newline": (lambda tar: add(tar, "a\nb", b"x"), "control characters"),
    "a listing in a name": (
        lambda tar: add(tar, "a\n-rw-r--r-- 0/0 1 2026-11-20 12:00 b", b"x"),
        "control characters",
    ),
    "backslash": (lambda tar: add(tar, "a\\b", b"x"), "control characters"),
    "octal": (lambda tar: add(tar, "a\\303\\274", b"x"), "control characters"),
    "escape": (lambda tar: add(tar, "a\x1b[2Jb", b"x"), "control characters"),
    "the same program twice": (twice, "a name is in it twice"),
    "manifest.json": (lambda tar: add(tar, "manifest.json", b"{}"), "a name in it is taken"),
    "manifest.sig": (lambda tar: add(tar, "manifest.sig", b"x"), "a name in it is taken"),
    "not in SHA256SUMS": (lambda tar: add(tar, "deploy/host/extra.sh"), "does not name"),
    "a bomb": (lambda tar: add(tar, "zeros", bytes(200_000_000)), "unpacks to more than"),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_a_tar_that_could_write_elsewhere_is_refused_before_anything_runs(host: Machine, name: str) -> None:
    tamper, reason = MEMBERS[name]
    all_refused(host, [tampered(tamper)], reason)
    assert not list(host.root.rglob(OUT))
    assert not Path("/tmp", OUT).exists()


@pytest.mark.parametrize("unpacked", [0, 1, 10_000])
def test_a_manifest_that_lies_about_the_size_does_not_let_a_bomb_through(host: Machine, unpacked: int) -> None:
    bomb = tampered(lambda tar: add(tar, "zeros", bytes(300_000_000)), unpacked=unpacked)
    all_refused(host, [bomb], "unpacks to more than")


def header(bundle: Bundle, path: str, offset: int, field: bytes) -> Bundle:
    """That bundle, signed, with one field of a file's tar header changed, and the header's sum made right."""
    raw = bytearray(gzip.decompress(bundle.archive))
    start = raw.index(path.encode() + b"\0")
    raw[start + offset : start + offset + len(field)] = field
    raw[start + 148 : start + 156] = b" " * 8
    raw[start + 148 : start + 156] = b"%06o\0 " % sum(raw[start : start + 512])
    return resigned(bundle, gzip.compress(bytes(raw), mtime=0))


def resigned(bundle: Bundle, archive: bytes) -> Bundle:
    """That bundle with another archive, which its manifest names; and it is signed."""
    known = Manifest.from_json(bundle.manifest, "")
    named = replace(known.bundle, sha256=sha256(archive), size=len(archive))
    manifest = replace(known, bundle=named).to_json()
    signature = release_key().sign(manifest, ec.ECDSA(hashes.SHA256()))
    return replace(bundle, archive=archive, manifest=manifest, signature=signature)


LIES = {
    "more than is there": b"00077777777\0",
    "8 GB": b"77777777777\0",
    "2 to the 62nd": b"\x80\0\0\0\x40\0\0\0\0\0\0\0",
    "less than nothing": b"\xff" * 12,
    "nothing": b"00000000000\0",
    "no number": b"zzzzzzzzzzz\0",
}


@pytest.mark.parametrize("name", LIES)
def test_a_size_that_is_a_lie_is_refused_before_anything_runs(host: Machine, name: str) -> None:
    all_refused(host, [header(tampered(), "VERSION", 124, LIES[name])], "0.1.1-dev")


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "garbage behind it": lambda raw: raw + b"garbage",
    "another gzip behind it": lambda raw: raw + gzip.compress(pack_of_one()),
    "cut": lambda raw: raw[:-100],
    "its checksum is wrong": lambda raw: raw[:-8] + b"\0\0\0\0" + raw[-4:],
    "no gzip": gzip.decompress,
    "a gzip of nothing": lambda _: gzip.compress(b""),
    "empty": lambda _: b"",
}


def pack_of_one() -> bytes:
    """A second tar behind the first one's end."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        add(tar, "deploy/host/extra.sh", RAN)
    return held.getvalue()


@pytest.mark.parametrize("name", [name for name in DAMAGE if name != "another gzip behind it"])
def test_a_signed_archive_that_is_damaged_is_refused_before_anything_runs(host: Machine, name: str) -> None:
    good = tampered()
    all_refused(host, [resigned(good, DAMAGE[name](good.archive))], "the bundle of 0.1.1-dev")


def test_what_lies_behind_the_end_of_a_tar_is_not_unpacked(tmp_path: Path) -> None:
    """tar itself stops at the end that the archive marks; what is beyond it is neither listed nor written."""
    with machine(tmp_path) as host:
        good = tampered()
        answer = host.deploy(put(host, resigned(good, DAMAGE["another gzip behind it"](good.archive))))
        assert answer.outcome in {"healthy", "refused"}, answer.output
        assert not list(host.root.rglob("extra.sh"))


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1777, 0o7777, 0o4644])
def test_a_file_that_would_run_with_anothers_rights_is_refused_before_anything_runs(host: Machine, mode: int) -> None:
    all_refused(host, [header(tampered(), "VERSION", 100, b"%07o\0" % mode)], "with the rights of another")


def test_nobody_but_its_owner_may_write_to_what_was_unpacked(tmp_path: Path) -> None:
    with machine(tmp_path) as host:
        answer = host.deploy(put(host, header(make("0.1.0-dev"), "VERSION", 100, b"0000777\0")))
        assert answer.outcome == "healthy", answer.output
        assert (host.base / "releases/0.1.0-dev/VERSION").stat().st_mode & 0o7777 == 0o755


def put(host: Machine, bundle: Bundle) -> Bundle:
    bundle.put(host.bucket)
    return bundle
