"""First boot: what `inv user-data` prints, run by systemd on a fresh host, with the real AWS CLI, Docker and HAProxy.

Not proved here: that cloud-init runs it, and that dnf and apt have the packages; they are there already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from tagship.domain import layout
from tagship.domain.ec2 import userdata
from tagship.domain.keys import pinned
from tests.host import cloud
from tests.host.ground import Ground, until
from tests.host.host import BUCKET, Host, Shop
from tests.host.machine import Result
from tests.host.registry import Registry
from tests.host.test_deploy import running
from tests.sandbox.bundles import COMMIT, ROOT, public_pem, release_key
from tests.sandbox.imds import Imds, serving

FIRST, SECOND = "0.1.0-dev", "0.1.1-dev"
SCRIPT = "/var/lib/cloud/user-data"
PINNED = "/etc/tagship/hello/release.pub.pem"


class Launch(Protocol):
    def __call__(self, name: str) -> Host: ...


@pytest.fixture
def imds(ground: Ground) -> Iterator[Imds]:
    with serving({"tagship:environment": "dev"}, ground.gateway) as service:
        yield service


@pytest.fixture(scope="module")
def endpoint(ground: Ground) -> str:
    return cloud.serve(ground.gateway)


@pytest.fixture
def launch(ground: Ground, registry: Registry, endpoint: str) -> Iterator[Launch]:
    """Starts hosts of an image that has the programs, and nothing of tagship's."""
    made: list[Host] = []

    def start(name: str) -> Host:
        made.append(Host(ground, registry, name).up())
        made[-1].play_aws(cloud.program(endpoint))
        made[-1].machine.check("rm -rf /etc/tagship")
        return made[-1]

    try:
        yield start
    finally:
        for each in made:
            each.machine.down()


def boot(host: Host, imds: Imds, key: str = "") -> Result:
    """Run the user data as systemd's cloud-final runs it: a file of root's, with next to nothing in its environment."""
    program, entry = ((ROOT / "deploy" / name).read_text() for name in ("user_data.sh", "host/entry.sh"))
    values = {"APP": "hello", "ENVIRONMENT": "dev", "DEPLOYMENT_BUCKET": BUCKET, "REGION": "us-east-1"}
    values |= {"NEEDS": "docker haproxy", "ALLOW_UNSIGNED": "false", "REVOKED": "", "ATTESTED": "false"}
    public = public_pem(release_key()).decode()
    path = host.machine.root / SCRIPT[1:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(userdata.render(program, entry, values=values, key=key, keys=pinned([public], [public])))
    path.chmod(0o700)
    unit = f"systemd-run --quiet --wait --pipe --collect -E AWS_EC2_METADATA_SERVICE_ENDPOINT={imds.url}"
    return host.machine.run(f"{unit} {SCRIPT}", timeout=180)


def test_a_host_that_boots_runs_the_artifact_that_its_user_data_names(launch: Launch, imds: Imds, shop: Shop) -> None:
    first, second = cloud.put(shop.docker(FIRST)), cloud.put(shop.docker(SECOND))
    cloud.point(second, 1)
    host = launch("web1")
    ran = boot(host, imds, layout.artifact("hello", "dev", first.artifact, layout.BUNDLE))
    assert ran.code == 0, ran.out + ran.err
    assert (host.answers(), running(host)) == (FIRST, [FIRST])
    assert f"{len(first.archive)} bytes, of 20" in ran.out
    assert f"  commit-sha: {COMMIT}" in ran.out
    assert host.machine.check("cat /var/log/user-data.log") == ran.out.strip()
    assert host.machine.check(f"cat {PINNED}") == public_pem(release_key()).decode().strip()
    assert imds.refused == 0
    host.machine.kill()
    host.machine.boot()
    until(lambda: host.answers() == FIRST, 20, "it serves after the next boot, too")


def test_hosts_that_boot_before_and_after_a_change_run_the_same_artifact(
    launch: Launch, imds: Imds, shop: Shop
) -> None:
    """One boots by the pointer, and is taken further by Run Command; one boots after that."""
    first, second = cloud.put(shop.docker(FIRST)), cloud.put(shop.docker(SECOND))
    cloud.point(first, 1)
    early = launch("web1")
    ran = boot(early, imds)
    assert (ran.code, early.answers()) == (0, FIRST), ran.out + ran.err
    assert f"the pointer of dev names {FIRST} (manifest sha256 {first.manifest_sha256})" in ran.out
    answer = early.deploy(second, fence=2)
    assert answer.outcome == "healthy", answer.output
    cloud.point(second, 2)
    late = launch("web2")
    ran = boot(late, imds)
    assert (ran.code, late.answers()) == (0, SECOND), ran.out + ran.err
    assert [host.status().serving for host in (early, late)] == [SECOND, SECOND]
    overtaken = late.deploy(first, fence=1)
    assert (overtaken.outcome, late.answers()) == ("held", SECOND), overtaken.output


def test_an_artifact_that_is_not_there_is_refused_with_what_is(launch: Launch, imds: Imds, shop: Shop) -> None:
    cloud.put(shop.docker(FIRST))
    host = launch("web1")
    ran = boot(host, imds, layout.artifact("hello", "dev", "0.9.9-dev", layout.BUNDLE))
    assert ran.code == 5, ran.out + ran.err
    assert f"hello/dev/0.9.9-dev/{layout.BUNDLE} is not in s3://{BUCKET}. The latest there:" in ran.out
    assert f"hello/dev/{FIRST}/{layout.MANIFEST}" in ran.out
    assert (host.answers(), host.machine.run("test -e /opt/hello/releases").code) == ("", 1)
