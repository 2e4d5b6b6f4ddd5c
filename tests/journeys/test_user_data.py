"""First boot: what `inv user-data` prints, run on a fresh host, with the sandbox's S3 and a metadata service.

Not proved here: that cloud-init runs it, and that dnf and apt have the packages: a program of the tests plays them.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagship.adapters.signing import PemSigner
from tagship.domain import layout
from tagship.domain.ec2.pointer import Pointer
from tagship.domain.ec2.userdata import LIMIT
from tagship.domain.keys import compact, public_keys
from tagship.domain.manifest import sha256
from tagship.domain.sealed import seal
from tagship.sandbox import lifecycle
from tagship.sandbox.hosts import local as hosts
from tagship.sandbox.hosts.ports import Ports
from tagship.sandbox.state import Running
from tagship.verbs.deploy import deploy
from tagship.verbs.rollback import rollback
from tagship.verbs.user_data import user_data
from tests.sandbox import shop
from tests.sandbox.bundles import Tamper, add
from tests.sandbox.conftest import client, start
from tests.sandbox.imds import Imds, serving
from tests.sandbox.shop import Shop

NAMES = ["a", "b", "c", "d", "e", "f", "i", "j", "k", "l", "m", "n", "o", "p", "g", "h", "pr-7", "pr-8", "pr-9"]
TAKE_UNSIGNED = ["pr-5", "pr-6", "pr-8", "u"]  # which have older bundles, or what nobody signed
BUCKET = "hello-artifacts"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    more = dict.fromkeys(TAKE_UNSIGNED, "allow_unsigned = true\n")
    root = shop.make(tmp_path_factory.mktemp("shop"), sorted({*NAMES, *TAKE_UNSIGNED}), more)
    yield root, start(root, hosts=1)
    lifecycle.down(root)


_free = iter(NAMES)


@pytest.fixture
def here(running: tuple[Path, Running]) -> Shop:
    return Shop(*running, next(name for name in _free if not name.startswith("pr-")))


@pytest.fixture
def imds() -> Iterator[Imds]:
    with serving() as service:
        yield service


@dataclass
class Boot:
    """A host that was just started: no key pinned, nothing deployed."""

    root: Path
    port: int
    variables: dict[str, str]

    def run(self, script: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The script as cloud-init runs it: from a file, as a program, with next to nothing in its environment."""
        path = self.root / "user-data"
        path.write_text(script, "utf-8")
        path.chmod(0o700)
        return subprocess.run(
            [str(path)],
            env={**self.variables, **(more or {})},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def log(self) -> str:
        return (self.root / "var/log/user-data.log").read_text("utf-8")

    def tool(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def answers(self) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return str(json.load(answer)["version"])
        except OSError:
            return ""


ANOTHER = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWBItanZ8uvebuS032fkchPZtXjGj\n"
    "5bDXvdiWJJHVYG97SS68d26sUbkYIhpy6KWYcnYnoc7SlQb6jlsUGuCWAA==\n"
    "-----END PUBLIC KEY-----\n"
)
_count = iter(range(1000))
_ports = Ports()


@pytest.fixture
def boot(running: tuple[Path, Running], imds: Imds) -> Boot:
    folder = running[1].folder
    root = folder / "hosts" / f"i-boot{next(_count)}"
    port = _ports.free()
    hosts.build(root, "hello", folder / "keys/release.pub.pem", port)
    (root / "etc/tagship/hello/release.pub.pem").unlink()
    local = hosts.LocalHost(root.name, root, running[1].aws_url, "us-east-1", running[1].keys)
    more = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url, "TAGSHIP_PAUSE": "0"}
    return Boot(root, port, {**local.variables(), **more})


def rendered(here: Shop, **asked: object) -> str:
    return user_data(here.app(), env=here.environment, **asked).script  # type: ignore[arg-type]


# -- the way it should go ----------------------------------------------------------------------------------------------


def test_a_host_that_boots_runs_what_the_last_healthy_deployment_ran(here: Shop, boot: Boot, imds: Imds) -> None:
    first, second = here.publish("0.1.0"), here.publish("0.1.1")
    deploy(here.app(), artifact=first)
    deploy(here.app(), artifact=second)
    rollback(here.app(), to=first)
    ran = boot.run(rendered(here))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert boot.answers() == first
    assert f"the pointer of {here.environment} names {first}" in ran.stdout
    assert "instance i-0123456789abcdef0 in us-east-1" in ran.stdout
    assert '"outcome":"healthy"' in ran.stdout
    assert "  commit-sha: " in ran.stdout
    assert " bytes, of 20" in ran.stdout
    assert imds.refused == 0
    assert boot.log == ran.stdout
    assert (boot.root / "etc/tagship/hello/release.pub.pem").read_text() == (
        here.running.public_key.read_text().strip() + "\n"
    )


def test_run_command_can_take_such_a_host_further_and_user_data_does_not_set_it_back(here: Shop, boot: Boot) -> None:
    first = here.publish("0.1.0")
    deploy(here.app(), artifact=first)
    script = rendered(here, artifact=first)
    assert boot.run(script).returncode == 0
    (boot.root / "opt/hello/fence").write_text("40\n")
    ran = boot.run(script)
    assert ran.returncode == 4
    assert "\nheld: fencing number" in ran.stdout
    assert boot.answers() == first


def test_a_key_that_was_exported_before_wins_over_the_pointer(here: Shop, boot: Boot) -> None:
    first, second = here.publish("0.1.0"), here.publish("0.1.1")
    deploy(here.app(), artifact=second)
    key = layout.artifact("hello", here.environment, first, layout.BUNDLE)
    ran = boot.run(rendered(here), {"DEPLOYMENT_KEY": key})
    assert ran.returncode == 0, ran.stdout
    assert boot.answers() == first


def test_a_key_of_host_env_wins_over_the_pointer_and_is_read_as_it_stands(here: Shop, boot: Boot) -> None:
    first = here.publish("0.1.0")
    key = layout.artifact("hello", here.environment, first, layout.BUNDLE)
    (boot.root / "etc/tagship/hello/host.env").write_text(
        f"# ours\nPATH=/evil\nX=$(touch pwned)\nDEPLOYMENT_KEY={key}\r\n"
    )
    ran = boot.run(rendered(here))
    assert ran.returncode == 0, ran.stdout
    assert boot.answers() == first
    assert not (boot.root / "pwned").exists()


def test_the_app_inherits_nothing_of_the_header(here: Shop, boot: Boot) -> None:
    deploy(here.app(), artifact=here.publish("0.1.0"))
    assert boot.run(rendered(here)).returncode == 0
    pid = (boot.root / "opt/hello/run/blue").read_text().split()[0]
    inherited = Path(f"/proc/{pid}/environ")
    if inherited.exists():
        assert not {b"ENTRY", b"KEYS", b"ALLOW_UNSIGNED"} & {
            one.split(b"=")[0] for one in inherited.read_bytes().split(b"\0")
        }


# -- operational numbers -----------------------------------------------------------------------------------------------


def passes(here: Shop, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """What the settings ask for from now on: so many good answers in a row."""
    monkeypatch.setenv(f"TAGSHIP_ENVIRONMENTS_{here.environment.upper()}_HEALTH_PASSES", str(number))


def attempts(ran: subprocess.CompletedProcess[str]) -> int:
    [verdict] = [line for line in ran.stdout.splitlines() if line.startswith('{"tagship":1')]
    return int(json.loads(verdict)["health"]["attempts"])


def test_a_host_that_boots_takes_the_numbers_of_the_pointer(
    here: Shop, boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = rendered(here)
    version = here.publish("0.1.0")
    passes(here, monkeypatch, 3)
    deploy(here.app(), artifact=version)
    assert attempts(boot.run(script)) == 3


def test_a_host_with_a_pinned_artifact_takes_the_numbers_that_were_rendered(
    here: Shop, boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = here.publish("0.1.0")
    passes(here, monkeypatch, 1)
    deploy(here.app(), artifact=version)
    passes(here, monkeypatch, 4)
    assert attempts(boot.run(rendered(here, artifact=version))) == 4


def test_a_pointer_without_numbers_leaves_the_rendered_ones(
    here: Shop, boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = here.publish("0.1.0")
    deploy(here.app(), artifact=version)
    put_pointer(here, pointer_to(here, version))
    passes(here, monkeypatch, 3)
    assert attempts(boot.run(rendered(here))) == 3


# -- a pointer that moves meanwhile ------------------------------------------------------------------------------------

MOVES = r"""#!/bin/sh
case "$2 $6" in
get-object\ */_pointer/*)
  echo >>"$TAGSHIP_HOST_ROOT/asked"
  cp "$TAGSHIP_HOST_ROOT/pointer-$(wc -l <"$TAGSHIP_HOST_ROOT/asked" | tr -d ' ')" "$7" || exit
  date -u '+  "LastModified": "%Y-%m-%dT%H:%M:%S+00:00",'
  exit
  ;;
esac
exec "$TAGSHIP_HOST_ROOT/bin/aws-itself" "$@"
"""


def pointer_to(here: Shop, artifact: str, number: int = 1) -> Pointer:
    """A pointer to a published artifact."""
    key = layout.artifact("hello", here.environment, artifact, layout.MANIFEST)
    digest = sha256(client(here.running, "s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return Pointer("hello", here.environment, artifact, digest, "d", number)


def signed(here: Shop, pointer: Pointer, issued: datetime | None = None) -> bytes:
    """A pointer as a deployment of that moment writes it."""
    values = pointer.at(issued or datetime.now(UTC)).as_data()
    return seal(values, PemSigner(here.running.private_key).sign)


def put_pointer(here: Shop, pointer: Pointer, issued: datetime | None = None) -> None:
    """Write it to the bucket, as whoever has the key."""
    put_raw(here, signed(here, pointer, issued))


def put_raw(here: Shop, raw: bytes) -> None:
    """Write it to the bucket, as whoever may write there."""
    client(here.running, "s3").put_object(Bucket=BUCKET, Key=layout.pointer("hello", here.environment), Body=raw)


def moving(here: Shop, boot: Boot, *artifacts: str) -> None:
    """Each time the pointer is read it names the next of these."""
    (boot.root / "bin/aws").rename(boot.root / "bin/aws-itself")
    boot.tool("aws", MOVES)
    for number, artifact in enumerate(artifacts, 1):
        (boot.root / f"pointer-{number}").write_bytes(signed(here, pointer_to(here, artifact, number)))


def test_a_deployment_that_ends_while_a_host_boots_is_followed(here: Shop, boot: Boot) -> None:
    first, second = here.publish("0.1.0"), here.publish("0.1.1")
    moving(here, boot, first, second, second)
    ran = boot.run(rendered(here))
    assert ran.returncode == 0, ran.stdout
    assert (boot.answers(), ran.stdout.count('"outcome":"healthy"')) == (second, 2)
    assert "next: " not in ran.stdout


def test_a_pointer_that_does_not_come_to_rest_is_followed_three_times_and_told_of(here: Shop, boot: Boot) -> None:
    first, second = here.publish("0.1.0"), here.publish("0.1.1")
    moving(here, boot, first, second, first, second)
    ran = boot.run(rendered(here))
    assert ran.returncode == 0, ran.stdout
    assert (boot.answers(), ran.stdout.count('"outcome":"healthy"')) == (first, 3)
    assert f"during each of 3 deployments: the last was of {first}, and it names {second} now" in ran.stdout
    assert f"next: inv heal --env {here.environment}" in ran.stdout


def test_a_version_that_does_not_become_healthy_gives_way_to_one_that_was_deployed_meanwhile(
    here: Shop, boot: Boot
) -> None:
    broken, good = here.publish("0.1.0", "error", healthy=False), here.publish("0.1.1")
    moving(here, boot, broken, good, good)
    ran = boot.run(rendered(here))
    assert (ran.returncode, boot.answers()) == (0, good), ran.stdout


def test_a_pointer_that_cannot_be_read_again_undoes_nothing(here: Shop, boot: Boot) -> None:
    first = here.publish("0.1.0")
    moving(here, boot, first)
    ran = boot.run(rendered(here))
    assert (ran.returncode, boot.answers()) == (0, first), ran.stdout
    assert "whether a deployment ended meanwhile is not known (cp: " in ran.stdout
    assert f"): inv status --env {here.environment}" in ran.stdout
    assert "next: " not in ran.stdout


# -- what is not there, or is not what it was --------------------------------------------------------------------------


def test_a_missing_artifact_is_refused_with_what_is_there(here: Shop, boot: Boot) -> None:
    first = here.publish("0.1.0")
    key = f"hello/{here.environment}/0.9.9-{here.environment}/deploy-bundle.tar.gz"
    ran = boot.run(rendered(here), {"DEPLOYMENT_KEY": key})
    assert ran.returncode == 5
    assert f"{key} is not in s3://{BUCKET}. The latest there:" in ran.stdout
    assert f"hello/{here.environment}/{first}/manifest.json" in ran.stdout
    assert "next: " in ran.stdout
    assert boot.answers() == ""


def test_an_altered_bundle_is_refused_before_it_is_unpacked(running: tuple[Path, Running], boot: Boot) -> None:
    here = Shop(*running, "pr-9")
    first = _untagged(here)
    key = layout.artifact("hello", here.environment, first, layout.BUNDLE)
    s3 = client(here.running, "s3")
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body[:-1] + bytes([body[-1] ^ 1]))
    ran = boot.run(rendered(here), {"DEPLOYMENT_KEY": key})
    assert ran.returncode == 5
    assert "was altered" in ran.stdout
    assert not any((boot.root / "opt/hello/releases").iterdir())


def _untagged(here: Shop) -> str:
    """An artifact of a preview: `<commit8>-<date>-<time>`, copied from one that was built for it."""
    from tagship.verbs.bundle import bundle
    from tagship.verbs.publish import publish
    from tests.sandbox.conftest import git

    commit = git(here.root, "rev-parse", "HEAD")
    found = f"{commit[:8]}-20261120-120000"
    bundle(here.app(), artifact=found, env=here.environment)
    publish(here.app(), artifact=found, env=here.environment)
    return found


def test_a_manifest_signed_by_another_key_is_refused(here: Shop, boot: Boot) -> None:
    first = here.publish("0.1.0")
    script = rendered(here, artifact=first)
    [key] = public_keys(here.running.public_key.read_text()).values()
    ran = boot.run(script.replace(compact(key), compact(ANOTHER)))
    assert ran.returncode == 5
    assert "not signed by a key pinned on this host" in ran.stdout


def test_the_keys_of_the_launch_template_take_the_place_of_the_images(here: Shop, boot: Boot) -> None:
    """A host of an image from before the keys were changed."""
    first = here.publish("0.1.0")
    pinned = boot.root / "etc/tagship/hello"
    (pinned / "keys.d").mkdir()
    (pinned / "keys.d/0123456789abcdef.pem").write_text(ANOTHER)
    (pinned / "release.pub.pem").write_text(ANOTHER)
    ran = boot.run(rendered(here, artifact=first))
    assert ran.returncode == 0, ran.stdout
    [(id_, key)] = public_keys(here.running.public_key.read_text()).items()
    for folder in ("keys.d", "orders.d"):
        assert {file.name: file.read_text() for file in (pinned / folder).iterdir()} == {f"{id_}.pem": key}
    assert (pinned / "environment").read_text() == f"{here.environment}\n"
    assert f"pinned for {here.environment}: keys.d/{id_} orders.d/{id_}\n" in ran.stdout


def test_before_the_first_deployment_a_host_waits_for_it(running: tuple[Path, Running], boot: Boot) -> None:
    ran = boot.run(rendered(Shop(*running, "h")))
    assert ran.returncode == 0
    assert "nothing was deployed to h yet: this host waits for the first deployment" in ran.stdout


# -- older layouts -----------------------------------------------------------------------------------------------------

OLD = '#!/bin/bash\necho "the old way: $1 of $APP in $ENVIRONMENT"\ntouch ran\n'


def _old_bundle(program: str = OLD, tamper: Tamper | None = None) -> bytes:
    """As `tar czf` makes one: folders, and names that begin with "./"."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for folder in (".", "./deploy"):
            add(tar, folder, kind=tarfile.DIRTYPE)
        add(tar, "./deploy/ec2_deploy.sh", program.encode())
        if tamper:
            tamper(tar)
    return held.getvalue()


@pytest.fixture
def preview(running: tuple[Path, Running]) -> Shop:
    """One that takes nothing unsigned, and has an older bundle."""
    return with_older_bundle(Shop(*running, "pr-7"))


@pytest.fixture
def lax(running: tuple[Path, Running]) -> Shop:
    """The same, and it takes what nobody signed."""
    return with_older_bundle(Shop(*running, "pr-6"))


def with_older_bundle(here: Shop, body: bytes | None = None) -> Shop:
    key = f"hello/{here.environment}/hello-deployment.tar.gz"
    client(here.running, "s3").put_object(Bucket=BUCKET, Key=key, Body=_old_bundle() if body is None else body)
    return here


def test_an_older_bundle_is_refused_since_nobody_signed_it(preview: Shop, boot: Boot) -> None:
    ran = boot.run(rendered(preview))
    assert ran.returncode == 5
    assert "WARNING: this is a bundle of an older layout: nobody signed it" in ran.stdout
    assert "is not signed, so nothing of it is run" in ran.stdout
    assert "allow_unsigned = true for pr-7, and inv user-data again" in ran.stdout
    assert not (boot.root / "opt/hello/legacy").exists()


def test_nothing_but_the_header_allows_it(preview: Shop, boot: Boot) -> None:
    """Neither what was exported before, nor host.env, nor a file of the image."""
    pinned = boot.root / "etc/tagship/hello"
    (pinned / "host.env").write_text("ALLOW_UNSIGNED=true\nUNSIGNED=allowed\n")
    (pinned / "allow-unsigned").touch()
    ran = boot.run(rendered(preview), {"ALLOW_UNSIGNED": "true", "UNSIGNED": "allowed"})
    assert ran.returncode == 5
    assert "is not signed, so nothing of it is run" in ran.stdout
    assert not list(boot.root.rglob("ran"))


def test_where_it_is_allowed_an_older_bundle_runs_and_every_line_says_that_it_is_unsigned(
    lax: Shop, boot: Boot
) -> None:
    ran = boot.run(rendered(lax))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (boot.root / "opt/hello/legacy/ran").exists()
    lines = ran.stdout.splitlines()
    assert any("UNSIGNED: this host runs what nobody signed: its launch template says so" in line for line in lines)
    warned = next(n for n, line in enumerate(lines) if "WARNING" in line)
    assert any("UNSIGNED: the old way: pr-6 of hello in pr-6" in line for line in lines)
    assert all(line.startswith("UNSIGNED: ") for line in lines[warned + 1 : -1])


OUT = "pwned-by-an-older-bundle"
HOSTILE: dict[str, tuple[Tamper, str]] = {
    "parent": (lambda tar: add(tar, f"../{OUT}", b"x"), "leads out of its folder"),
    "parent-inside": (lambda tar: add(tar, f"./a/../../{OUT}", b"x"), "leads out of its folder"),
    "parent-folder": (lambda tar: add(tar, "..", kind=tarfile.DIRTYPE), "leads out of its folder"),
    "absolute": (lambda tar: add(tar, f"/tmp/{OUT}", b"x"), "leads out of its folder"),
    "symlink": (lambda tar: add(tar, "link", kind=tarfile.SYMTYPE, target="/etc"), "other than a regular file"),
    "hardlink": (lambda tar: add(tar, "hard", kind=tarfile.LNKTYPE, target="/etc/passwd"), "other than a regular file"),
    "device": (lambda tar: add(tar, "null", kind=tarfile.CHRTYPE), "other than a regular file"),
    "fifo": (lambda tar: add(tar, "pipe", kind=tarfile.FIFOTYPE), "other than a regular file"),
    "newline": (lambda tar: add(tar, "a\nb"), "control characters"),
    "backslash": (lambda tar: add(tar, "a\\nb"), "control characters"),
    "twice": (lambda tar: add(tar, "deploy/ec2_deploy.sh", b"touch ran"), "a name is in it twice"),
    "bomb": (lambda tar: add(tar, "zeros", bytes(300_000_000)), "unpacks to more than"),
}


@pytest.mark.parametrize("member", HOSTILE)
def test_an_older_bundle_that_could_write_elsewhere_is_refused_before_anything_of_it_is_unpacked_or_run(
    running: tuple[Path, Running], boot: Boot, member: str
) -> None:
    tamper, reason = HOSTILE[member]
    here = with_older_bundle(Shop(*running, "pr-5"), _old_bundle(tamper=tamper))
    ran = boot.run(rendered(here))
    assert ran.returncode == 5, ran.stdout
    assert reason in ran.stdout
    assert_nothing_ran(boot)


@pytest.mark.parametrize("how", ["trailing", "cut", "no tar", "empty", "no gzip"])
def test_an_older_bundle_that_is_damaged_is_refused_before_anything_of_it_runs(
    running: tuple[Path, Running], boot: Boot, how: str
) -> None:
    good = _old_bundle()
    bodies = {"trailing": good + b"garbage", "cut": good[:-20], "no tar": b"x" * 99, "no gzip": gzip.decompress(good)}
    here = with_older_bundle(Shop(*running, "pr-5"), bodies.get(how, gzip.compress(b"")))
    ran = boot.run(rendered(here))
    assert ran.returncode == 5, ran.stdout
    assert "cannot be read" in ran.stdout
    assert_nothing_ran(boot)


def assert_nothing_ran(boot: Boot) -> None:
    assert not (boot.root / "opt/hello/legacy").exists()
    assert not list(boot.root.rglob("ran"))
    assert not Path("/tmp", OUT).exists()
    assert not list(boot.root.rglob(OUT))


def test_a_missing_artifact_falls_back_to_the_older_bundle_of_its_version(
    running: tuple[Path, Running], boot: Boot
) -> None:
    key, older = "hello/u/1.2.3-u/deploy-bundle.tar.gz", "bundles/u/deploy-bundle-1.2.3-u.tar.gz"
    client(running[1], "s3").put_object(Bucket=BUCKET, Key=older, Body=_old_bundle("exit 6\n"))
    script = rendered(Shop(*running, "u"))
    ran = boot.run(script, {"DEPLOYMENT_KEY": key})
    assert ran.returncode == 6, ran.stdout
    assert f"{key} is not in s3://{BUCKET}" in ran.stdout
    assert "running its own deploy/ec2_deploy.sh 1.2.3-u" in ran.stdout


def test_allowing_unsigned_changes_nothing_for_an_artifact_that_is_altered(
    running: tuple[Path, Running], boot: Boot
) -> None:
    here = Shop(*running, "pr-8")
    found = _untagged(here)
    key = layout.artifact("hello", "pr-8", found, layout.MANIFEST)
    s3 = client(here.running, "s3")
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body.replace(b'"branch": ', b'"branch":  '))
    bundle = layout.artifact("hello", "pr-8", found, layout.BUNDLE)
    ran = boot.run(rendered(here), {"DEPLOYMENT_KEY": bundle})
    assert ran.returncode == 5
    assert "not signed by a key pinned on this host" in ran.stdout


def test_an_artifact_that_nobody_signed_boots_where_it_is_allowed_and_nowhere_else(
    running: tuple[Path, Running], boot: Boot
) -> None:
    for environment, code in (("pr-9", 5), ("pr-5", 0)):
        here = Shop(*running, environment)
        found = _untagged(here)
        signature = layout.artifact("hello", environment, found, layout.SIGNATURE)
        client(here.running, "s3").delete_object(Bucket=BUCKET, Key=signature)
        key = layout.artifact("hello", environment, found, layout.BUNDLE)
        (boot.root / "etc/tagship/hello/environment").unlink(missing_ok=True)
        ran = boot.run(rendered(here), {"DEPLOYMENT_KEY": key})
        assert ran.returncode == code, ran.stdout
        assert ("nobody signed" in ran.stdout, boot.answers()) == (True, found if code == 0 else "")
    assert "UNSIGNED: nobody signed" in ran.stdout
    assert '"unsigned":true' in ran.stdout
    assert (boot.root / "etc/tagship/hello/allow-unsigned").exists()


# -- what surrounds it -------------------------------------------------------------------------------------------------


def test_without_a_metadata_service_it_says_so_and_changes_nothing(running: tuple[Path, Running], boot: Boot) -> None:
    ran = boot.run(rendered(Shop(*running, "h")), {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"})
    assert ran.returncode == 8
    assert "gives no token" in ran.stdout
    assert "HttpTokens=required" in ran.stdout
    assert not (boot.root / "etc/tagship/hello/release.pub.pem").exists()


def test_a_fetch_that_fails_is_told_without_what_lets_others_fetch(running: tuple[Path, Running], boot: Boot) -> None:
    boot.tool(
        "aws", "#!/bin/sh\necho 'fatal: at https://b.s3.amazonaws.com/k?X-Amz-Signature=0f9e no more' >&2\nexit 1\n"
    )
    ran = boot.run(rendered(Shop(*running, "h")))
    assert ran.returncode == 8
    assert "aws s3api get-object: fatal: at https://b.s3.amazonaws.com/k?*** no more" in ran.stdout


def test_a_host_that_is_tagged_for_another_environment_is_refused(
    running: tuple[Path, Running], boot: Boot, imds: Imds
) -> None:
    imds.tags["tagship:environment"] = "prod"
    ran = boot.run(rendered(Shop(*running, "h")))
    assert ran.returncode == 2
    assert "tagged for another environment (prod) than h" in ran.stdout


DNF = """#!/bin/sh
echo "$@" >>"$TAGSHIP_HOST_ROOT/dnf"
mv "$TAGSHIP_HOST_ROOT/aws-packaged" "$TAGSHIP_HOST_ROOT/bin/aws"
"""
PLAIN = (
    *("awk", "base64", "bash", "cat", "chmod", "curl", "cut", "date", "df", "env", "find", "flock", "grep", "gzip"),
    *("head", "mkdir", "mktemp", "mv", "od", "openssl", "rm", "sed", "sh", "sha256sum", "sleep", "sort", "sync"),
    *("tail", "tar", "tee", "tr", "wc"),
)


def bare(boot: Boot) -> dict[str, str]:
    """The PATH of a host that has what every system has, and no AWS CLI: this machine may have one."""
    plain = boot.root / "plain"
    plain.mkdir()
    for name in PLAIN:
        found = shutil.which(name)
        if found:
            (plain / name).symlink_to(found)
    return {"PATH": f"{boot.root}/bin:{plain}"}


def test_what_is_missing_is_installed_by_the_systems_own_manager(running: tuple[Path, Running], boot: Boot) -> None:
    script = rendered(Shop(*running, "h"))
    boot.tool("dnf", DNF)
    plain = without_aws(boot)
    ran = boot.run(script, plain)
    assert ran.returncode == 0, ran.stdout
    assert "installing what is missing: aws\n" in ran.stdout
    assert (boot.root / "dnf").read_text() == "install -y -q awscli-2\n"
    assert boot.run(script, plain).returncode == 0
    assert (boot.root / "dnf").read_text() == "install -y -q awscli-2\n"


SYSTEMCTL = """#!/bin/sh
echo "$*" >>"$TAGSHIP_HOST_ROOT/systemctl"
cd "$TAGSHIP_HOST_ROOT"
case "$*" in "restart docker") [ ! -e refuses ] || [ ! -e etc/docker/daemon.json ] ;; esac
"""


@dataclass
class WithDocker:
    """A host whose environment runs containers; what systemd was told about Docker is in `systemctl`."""

    boot: Boot
    script: str
    path: dict[str, str]

    @property
    def config(self) -> Path:
        return self.boot.root / "etc/docker/daemon.json"

    def carries(self, containers: str = "") -> None:
        self.boot.tool("docker", f"#!/bin/sh\necho '{containers}'\n")

    def starts(self) -> list[str]:
        ran = self.boot.run(self.script, self.path)
        assert ran.returncode == 0, ran.stdout
        return (self.boot.root / "systemctl").read_text().splitlines()


@pytest.fixture
def with_docker(running: tuple[Path, Running], boot: Boot) -> WithDocker:
    script = rendered(Shop(*running, "h"))
    assert "\nPACKED=$(base64" in script
    boot.tool("systemctl", SYSTEMCTL)
    return WithDocker(
        boot, script.replace("\nPACKED=$(base64", "\nexport NEEDS=docker\nPACKED=$(base64", 1), bare(boot)
    )


LIVES_ON = {"live-restore": True, "userland-proxy": False}


def test_docker_is_installed_so_that_its_restarts_stop_nothing(with_docker: WithDocker) -> None:
    root = with_docker.boot.root
    (root / "bin/docker").unlink()  # the sandbox's own, which refuses
    with_docker.boot.tool("docker-packaged", "#!/bin/sh\n")
    with_docker.boot.tool("dnf", f"#!/bin/sh\nmv {root}/bin/docker-packaged {root}/bin/docker\n")
    assert with_docker.starts() == ["enable --now docker", "restart docker"]
    assert json.loads(with_docker.config.read_text()) == LIVES_ON


def test_the_docker_of_an_image_is_told_the_same_where_nobody_told_it_anything(with_docker: WithDocker) -> None:
    with_docker.carries()
    assert with_docker.starts() == ["enable --now docker", "restart docker"]
    assert json.loads(with_docker.config.read_text()) == LIVES_ON


def test_a_configuration_of_somebodys_own_stays(with_docker: WithDocker) -> None:
    with_docker.carries()
    with_docker.config.parent.mkdir(parents=True)
    with_docker.config.write_text("{}\n")
    assert with_docker.starts() == ["enable --now docker"]
    assert with_docker.config.read_text() == "{}\n"


def test_a_docker_with_a_container_is_not_restarted(with_docker: WithDocker) -> None:
    with_docker.carries("0f9e8d7c6b5a")
    assert with_docker.starts() == ["enable --now docker"]
    assert not with_docker.config.exists()


def test_a_docker_that_cannot_say_whether_it_has_containers_is_not_restarted(with_docker: WithDocker) -> None:
    with_docker.boot.tool("docker", "#!/bin/sh\nexit 1\n")
    assert with_docker.starts() == ["enable --now docker"]
    assert not with_docker.config.exists()


def test_a_docker_that_does_not_start_like_that_is_started_as_it_was(with_docker: WithDocker) -> None:
    with_docker.carries()
    (with_docker.boot.root / "refuses").touch()
    restarted = ["restart docker", "reset-failed docker", "restart docker"]
    assert with_docker.starts() == ["enable --now docker", *restarted]
    assert not with_docker.config.exists()
    assert "Docker does not start with live-restore: it is started without" in with_docker.boot.log


APT = """#!/bin/sh
echo "$*" >>"$TAGSHIP_HOST_ROOT/apt"
count=$(wc -l <"$TAGSHIP_HOST_ROOT/apt")
if [ "$count" -le 4 ]; then
  echo "E: Could not get lock /var/lib/$count. It is held by process 1 (unattended-upgr)" >&2
  exit 100
fi
case "$*" in *" install "*) mv "$TAGSHIP_HOST_ROOT/aws-packaged" "$TAGSHIP_HOST_ROOT/bin/aws" ;; esac
"""
NO_PACKAGE = """#!/bin/sh
echo "$*" >>"$TAGSHIP_HOST_ROOT/apt"
case "$*" in *" install "*) echo "E: Unable to locate package awscli" >&2; exit 100 ;; esac
"""


def without_aws(boot: Boot) -> dict[str, str]:
    """The PATH of a host on which a package manager of the tests puts `aws` into its place."""
    (boot.root / "bin/aws").rename(boot.root / "aws-packaged")
    return bare(boot)


def test_apt_is_tried_again_while_the_system_upgrades_itself(running: tuple[Path, Running], boot: Boot) -> None:
    boot.tool("apt-get", APT)
    ran = boot.run(rendered(Shop(*running, "h")), without_aws(boot))
    assert ran.returncode == 0, ran.stdout
    told = (boot.root / "apt").read_text().splitlines()
    assert [line.split()[-1] for line in told] == ["update"] * 5 + ["awscli"]
    assert all(" -o DPkg::Lock::Timeout=60 " in line for line in told)
    assert "It is held by process 1 (unattended-upgr)" in ran.stdout


def test_what_apt_has_no_package_of_is_not_asked_for_again(running: tuple[Path, Running], boot: Boot) -> None:
    """Ubuntu 24.04 has no AWS CLI but as a snap."""
    boot.tool("apt-get", NO_PACKAGE)
    boot.tool("snap", '#!/bin/sh\nmv "$TAGSHIP_HOST_ROOT/aws-packaged" "$TAGSHIP_HOST_ROOT/bin/aws"\n')
    ran = boot.run(rendered(Shop(*running, "h")), without_aws(boot))
    assert ran.returncode == 0, ran.stdout
    assert [line.split()[-1] for line in (boot.root / "apt").read_text().splitlines()] == ["update", "awscli"]


def test_what_cannot_be_installed_is_named(running: tuple[Path, Running], boot: Boot) -> None:
    (boot.root / "bin/aws").unlink()
    for name in ("apt-get", "snap", "dnf"):
        boot.tool(name, "#!/bin/sh\nexit 1\n")
    ran = boot.run(rendered(Shop(*running, "h")), bare(boot))
    assert ran.returncode == 8
    assert "these could not be installed: aws" in ran.stdout


def test_it_is_small_enough_for_ec2(running: tuple[Path, Running]) -> None:
    assert len(rendered(Shop(*running, "h")).encode()) < LIMIT - 512


def test_a_pointer_that_is_none_is_refused(running: tuple[Path, Running], boot: Boot) -> None:
    here = Shop(*running, "g")
    put_raw(here, b'{\n  "artifact": "$(touch pwned)",\n  "fence": 1\n}\n')
    ran = boot.run(rendered(here))
    assert ran.returncode == 5
    assert "the pointer of g is not signed for this host" in ran.stdout
    assert not (boot.root / "pwned").exists()


NASTY = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=60),
    st.sampled_from(
        ["$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "a\ntouch pwned", "../../x", "-rf", "*", "{{x}}"]
    ),
    st.from_regex(r"hello/h/[0-9A-Za-z.$`;| -]{1,30}/deploy-bundle\.tar\.gz", fullmatch=True),
)


@settings(max_examples=250 if os.environ.get("WHOLE") else 25, suppress_health_check=list(HealthCheck))
@given(key=NASTY, kind=st.sampled_from(["exported", "host.env", "pointer"]))
def test_no_key_or_id_is_ever_interpreted(running: tuple[Path, Running], boot: Boot, key: str, kind: str) -> None:
    here = Shop(*running, "h")
    script, more = rendered(here), {}
    pinned = boot.root / "etc/tagship/hello"
    (pinned / "host.env").unlink(missing_ok=True)
    s3 = client(here.running, "s3")
    s3.delete_object(Bucket=BUCKET, Key="hello/_pointer/h.json")
    if kind == "exported":
        more["DEPLOYMENT_KEY"] = key
    elif kind == "host.env":
        (pinned / "host.env").write_text(f"DEPLOYMENT_KEY={key}\n", "utf-8")
    else:
        put_pointer(here, Pointer("hello", "h", key, key, key, 1))
    before = sorted(os.listdir(boot.root))
    ran = boot.run(script, more)
    assert ran.returncode in {0, 2, 5}, ran.stdout
    assert not list(boot.root.rglob("pwned"))
    assert not (boot.root / "opt/hello/legacy").exists()
    assert sorted({*os.listdir(boot.root)} - {"var", "user-data"}) == sorted({*before} - {"var", "user-data"})
