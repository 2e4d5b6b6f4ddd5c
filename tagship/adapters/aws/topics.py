"""Topics of SNS: one Publish, sent once. https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tagship.adapters.aws.session import Aws

if TYPE_CHECKING:
    from tagship.settings.tables import Topic


@dataclass(frozen=True)
class SnsTopic:
    """One topic, in whatever region and account its ARN names."""

    name: str
    arn: str
    failures_only: bool
    aws: Aws = field(repr=False)
    kind: str = "sns"

    def send(self, message: Mapping[str, Any]) -> None:
        """Publish a message. Raises ServiceFailed."""
        fifo = self.arn.endswith(".fifo")
        order = {"MessageGroupId": "tagship", "MessageDeduplicationId": str(message["id"])[:128]} if fifo else {}
        with self.aws.translated(f"telling the topic {self.name}"):
            self.aws.once("sns").publish(
                TopicArn=self.arn, Subject=message["subject"], Message=message["text"], **order
            )


def topics(named: Mapping[str, Topic], aws: Aws) -> dict[str, SnsTopic]:
    """Make the topics that the settings name."""
    return {
        name: SnsTopic(name, topic.arn, topic.when == "failures", _there(aws, topic.arn))
        for name, topic in named.items()
    }


def _there(aws: Aws, arn: str) -> Aws:
    """Talk to the topic's own region."""
    # By a session of its own if that is another.
    region = arn.split(":")[3]
    return aws if region == aws.region else replace(aws, region=region, _sessions=[])
