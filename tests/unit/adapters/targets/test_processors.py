"""An image that is built for other processors than the hosts have: named before anything changes, with both."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tagship.adapters.targets.asg.target import AsgTarget
from tagship.adapters.targets.ec2.processors import ProcessorCheck, built_for_another
from tagship.adapters.targets.ec2.target import Ec2Target
from tagship.domain.manifest import ImageRef, Manifest
from tagship.domain.units import Unit

ARM = {"InstanceId": "i-arm", "Architecture": "arm64"}
INTEL = {"InstanceId": "i-intel", "Architecture": "x86_64"}
OLD = {"InstanceId": "i-old", "Architecture": "i386"}
SILENT = {"InstanceId": "i-silent"}


class Named:
    """Of a manifest, what is asked of it here."""

    artifact_id = "0.1.0-dev"

    def __init__(self, *platforms: str, image: bool = True) -> None:
        digest = "sha256:" + "a" * 64
        self.image = ImageRef("r.example/x", "0.1.0-dev", digest, dict.fromkeys(platforms, digest)) if image else None


def manifest(*platforms: str, image: bool = True) -> Manifest:
    return cast(Manifest, Named(*platforms, image=image))


@pytest.mark.parametrize(
    ("platforms", "hosts"),
    [
        (("linux/amd64",), [INTEL]),
        (("linux/arm64/v8",), [ARM]),
        (("linux/amd64", "linux/arm64"), [ARM, INTEL]),
        ((), [ARM, INTEL]),
        (("windows/amd64",), [ARM]),
        (("linux/amd64",), [SILENT, OLD]),
    ],
)
def test_nothing_is_in_the_way(platforms: tuple[str, ...], hosts: list[Any]) -> None:
    assert list(built_for_another(manifest(*platforms), hosts)) == []


def test_both_are_named_and_how_to_build_it() -> None:
    [obstacle] = built_for_another(manifest("linux/amd64"), [ARM, INTEL, {**ARM, "InstanceId": "i-arm2"}])
    assert obstacle.what == ("i-arm, i-arm2 are linux/arm64, and the image of 0.1.0-dev is built for linux/amd64")
    assert 'platform = "linux/arm64"' in obstacle.remedy
    assert obstacle.artifact
    assert not obstacle.warns


def test_an_artifact_without_an_image_runs_anywhere() -> None:
    assert list(built_for_another(manifest(image=False), [ARM])) == []


class Hosts(ProcessorCheck):
    """The check alone, over hosts as EC2 describes them."""

    environment = "dev"

    def __init__(self, *hosts: Any) -> None:
        self.aws, self._instances, self.hosts = Translated(), self, hosts

    def running(self) -> list[Any]:
        return list(self.hosts)


def target(*hosts: Any) -> Any:
    return Hosts(*hosts)


def test_hosts_and_groups_are_checked() -> None:
    assert issubclass(Ec2Target, ProcessorCheck)
    for kind in (Ec2Target, AsgTarget):
        assert callable(kind.obstacles)


class Translated:
    """AWS, whose errors nobody has to translate here."""

    def translated(self, _doing: str) -> Any:
        from contextlib import nullcontext

        return nullcontext()


def test_only_hosts_that_are_changed_count_and_a_rollback_asks_nobody() -> None:
    hosts = target(ARM, INTEL)
    intel = [Unit("i-intel", "web-1", True)]
    assert hosts.obstacles("deploy", manifest("linux/amd64"), "", intel) == []
    assert len(hosts.obstacles("deploy", manifest("linux/arm64"), "", intel)) == 1
    assert len(hosts.obstacles("deploy", manifest("linux/amd64"), "", [])) == 1
    assert list(hosts.obstacles("rollback", manifest("linux/arm64"), "", intel)) == []
