"""A static set's destination: what S3 serves of a file, and what CloudFront is asked to drop."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tagship.adapters.aws.site import TAGS_HEADER, AwsSite
from tagship.domain.manifest import sha256
from tagship.domain.static_set import StaticFile
from tagship.errors import ServiceFailed
from tests.contract import strict_aws
from tests.journeys.test_static_sets import ORIGIN

numbers = itertools.count(1)


def site(**chosen: Any) -> AwsSite:
    """A bucket, and a distribution in front of it."""
    aws, name = strict_aws.aws(), f"site-{next(numbers)}"
    configuration = {**ORIGIN, "CallerReference": name, **chosen}
    made = aws.client("cloudfront").create_distribution(DistributionConfig=configuration)["Distribution"]["Id"]
    return AwsSite(aws, strict_aws.bucket(name), "www/", made)


def invalidations(place: AwsSite) -> list[list[str]]:
    client = place.aws.client("cloudfront")
    listed = client.list_invalidations(DistributionId=place.distribution)["InvalidationList"].get("Items", ())
    batches = [client.get_invalidation(DistributionId=place.distribution, Id=row["Id"]) for row in listed]
    return [batch["Invalidation"]["InvalidationBatch"]["Paths"]["Items"] for batch in batches]


def test_a_file_has_the_headers_of_its_set_and_its_tags_where_cloudfront_reads_them() -> None:
    place, body = site(), b"<svg/>"
    place.put("logo.svg", body, StaticFile(sha256(body), "image/svg+xml", "no-cache", ("docs", "site")))
    served = place.aws.client("s3").get_object(Bucket=place.bucket, Key="www/logo.svg")
    assert (served["ContentType"], served["CacheControl"]) == ("image/svg+xml", "no-cache")
    assert served["ResponseMetadata"]["HTTPHeaders"][TAGS_HEADER] == "docs,site"
    place.put("plain.svg", body, StaticFile(sha256(body), "image/svg+xml"))
    assert place.aws.client("s3").head_object(Bucket=place.bucket, Key="www/plain.svg")["Metadata"] == {}


def test_the_same_request_again_asks_for_nothing_new_and_another_by_that_reference_is_refused() -> None:
    place = site()
    first = place.invalidate(["/", "/index.html"], "deployment-1")
    assert place.invalidate(["/", "/index.html"], "deployment-1") == first
    assert invalidations(place) == [["/", "/index.html"]]
    with pytest.raises(ServiceFailed, match="caller reference that was used"):
        place.invalidate(["/*"], "deployment-1")
    assert place.invalidate(["#docs"], "deployment-2") != first


@pytest.mark.parametrize(
    ("header", "known"), [(TAGS_HEADER, True), ("X-Amz-Meta-Cache-Tag", True), ("surrogate-key", False), ("", False)]
)
def test_a_distribution_knows_tags_if_it_reads_the_header_that_s3_answers_with(header: str, known: bool) -> None:
    assert site(**({"CacheTagConfig": {"HeaderName": header}} if header else {})).knows_tags() is known


def test_without_a_distribution_nothing_is_asked() -> None:
    place = AwsSite(strict_aws.aws(), "nowhere")
    assert (place.knows_tags(), place.invalidate(["/"], "deployment-1")) == (False, "")
