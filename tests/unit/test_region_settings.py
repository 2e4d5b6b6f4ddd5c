"""Regions in tagship.toml: a bucket each, the first one's records, and images in each one's registry."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tagship.adapters.targets.carried import Carried
from tagship.domain.change import Change
from tagship.domain.image import in_region
from tagship.domain.manifest import ImageRef, Manifest, sha256
from tagship.domain.version import ArtifactId
from tests.fakes.app import VALUES, FakeApp, settings
from tests.unit.test_account_settings import TOML, problems

DEV: dict[str, Any] = VALUES["environments"]["dev"]
PLACES = {"regions": ["us-east-1", "eu-west-1"], "aws": {"bucket": "hello-dev-{region}"}}
ECR = "123456789012.dkr.ecr.{}.amazonaws.com/hello"


def chosen(**changes: Any) -> Any:
    return settings(environments={"dev": {**DEV, **PLACES, **changes}})


def test_the_first_region_has_the_records_and_each_a_bucket() -> None:
    made = chosen()
    assert [(place.region, place.bucket) for place in made.places("dev")] == [
        ("us-east-1", "hello-dev-us-east-1"),
        ("eu-west-1", "hello-dev-eu-west-1"),
    ]
    assert made.account("dev") == made.places("dev")[0]
    assert made.bucket_of("hello/_ledger/dev/") == "hello-dev-us-east-1"


def test_in_a_region_an_environment_is_as_if_it_had_no_other() -> None:
    made = chosen(image={"repository": ECR.format("us-east-1")})
    home, far = (made.in_region("dev", place) for place in made.places("dev"))
    assert (far.aws.region, far.aws.bucket) == ("eu-west-1", "hello-dev-eu-west-1")
    assert far.places("dev") == [far.aws]
    assert far.environments["dev"].image.repository == ECR.format("eu-west-1")
    assert (home.images_in, far.images_in) == ("", "eu-west-1")


def test_a_region_is_written_into_the_addresses_that_are_asked_there() -> None:
    service = {"cluster": "hello", "services": {"web": {"health": {"url": "https://{region}.example.com/healthz"}}}}
    dev = {key: value for key, value in DEV.items() if key != "ec2"}
    health = {"url": "https://example.com/{region}"}
    made = settings(
        environments={"dev": {**dev, **PLACES, "ecs": service, "image": {"repository": "x.io/y"}, "health": health}}
    )
    home, far = (cast("Any", made.in_region("dev", place).environments["dev"]) for place in made.places("dev"))
    assert [one.health.url for one in (home, far)] == [
        f"https://example.com/{one}" for one in ("us-east-1", "eu-west-1")
    ]
    assert far.ecs.services["web"].health.url == "https://eu-west-1.example.com/healthz"
    assert made.environments["dev"].health.url == "https://example.com/{region}"


@pytest.mark.parametrize(
    ("repository", "there"),
    [
        (ECR.format("us-east-1"), ECR.format("eu-west-1")),
        ("ghcr.io/acme/hello", "ghcr.io/acme/hello"),
        ("", ""),
    ],
)
def test_a_repository_of_ecr_has_the_same_name_in_another_region(repository: str, there: str) -> None:
    assert in_region(repository, "eu-west-1") == there


def test_what_follows_runs_the_same_digest_from_its_own_registry() -> None:
    app = FakeApp()
    app.publish("0.1.0-dev")
    key = "hello/dev/0.1.0-dev/manifest.json"
    image = ImageRef(ECR.format("us-east-1"), "0.1.0-dev", f"sha256:{'a' * 64}")
    values = Manifest.from_json(app.store.objects.pop(key).body, key)
    raw = type(values)(**{**vars(values), "image": image}).to_json()
    app.store.create(key, raw)
    change = Change("deploy", "hello", "dev", ArtifactId("0.1.0-dev"), sha256(raw), "1", 1)
    assert Carried(app.store, change).image().by_digest == image.by_digest
    assert Carried(app.store, change, "eu-west-1").image().by_digest == f"{ECR.format('eu-west-1')}@{image.digest}"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            'regions = ["us-east-1", "eu-west-1"]',
            "environments.prod.aws.bucket: needs {region}: each region has a bucket, such as hello-{region}",
        ),
        (
            '[environments.prod.aws]\nbucket = "hello-{region}"',
            "environments.prod.aws.bucket: has {region}, and no regions are named: environments.prod.regions",
        ),
        (
            'regions = ["us-east-1", "us-east-1"]\naws.bucket = "hello-{region}"',
            "environments.prod.regions: names a region twice: a version goes to each once",
        ),
        ('regions = ["mars"]', "environments.prod.regions.0: must be a region such as us-east-1"),
    ],
)
def test_what_cannot_be(tmp_path: Any, more: str, problem: str) -> None:
    assert problem in problems(tmp_path, TOML.format(more=more))
