"""Topics of SNS, by the adapter against moto. moto holds no topic to its policy, and takes any subject."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tagship.adapters.aws.session import Aws
from tagship.adapters.aws.topics import topics
from tagship.domain.news import News, subject
from tagship.errors import ServiceFailed
from tagship.settings.tables import Topic
from tests.contract import strict_aws

NEWS = News("d-1", "hello", "dev", "0.1.30-dev", "c" * 40, "rolled-back", "It failed.", "https://github.com/r/7")


@pytest.fixture
def aws() -> Aws:
    return strict_aws.aws()


def _queue(aws: Aws, name: str, region: str = "us-east-1") -> tuple[str, Any]:
    """A topic, and what asks for the messages that a queue of its got."""
    there, fifo = replace(aws, region=region, _sessions=[]), name.endswith(".fifo")
    attributes = {"FifoTopic": "true"} if fifo else {}
    arn = there.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]
    of_queue = {"FifoQueue": "true"} if fifo else {}
    url = there.client("sqs").create_queue(QueueName=name, Attributes=of_queue)["QueueUrl"]
    queue = there.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    there.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"])
    return arn, lambda: [
        json.loads(one["Body"])
        for one in there.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ())
    ]


@pytest.mark.parametrize(
    ("name", "region"), [("oncall", "us-east-1"), ("abroad", "eu-west-1"), ("order.fifo", "us-east-1")]
)
def test_a_topic_gets_the_news_once_with_a_subject(name: str, region: str, aws: Aws) -> None:
    arn, messages = _queue(aws, name, region)
    [hook] = topics({"oncall": Topic(arn=arn)}, aws).values()
    hook.send(NEWS.message(hook.kind))
    [message] = messages()
    assert message["Subject"] == "dev: 0.1.30-dev failed, and was rolled back"
    assert message["Message"] == "It failed.\nhttps://github.com/r/7"


def test_a_topic_that_is_not_there_is_a_failure_that_names_it(aws: Aws) -> None:
    [hook] = topics({"oncall": Topic(arn="arn:aws:sns:us-east-1:123456789012:gone", when="failures")}, aws).values()
    assert hook.failures_only
    with pytest.raises(ServiceFailed, match="telling the topic oncall"):
        hook.send(NEWS.message("sns"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("dev: x\ny", "dev: x?y"), ("", "tagship"), (" x", "tagship"), ("a" * 120, "a" * 100), ("caf\u00e9", "caf?")],
)
def test_a_subject_is_what_sns_takes(text: str, wanted: str) -> None:
    """API Reference of SNS, Publish: ASCII, no line breaks or control characters, fewer than 100 characters."""
    assert subject(text) == wanted
