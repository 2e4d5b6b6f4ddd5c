"""[metrics]: whether figures go to CloudWatch, and who is alarmed."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from tagship.settings.accounts import over
from tagship.settings.aws import AwsAccount
from tagship.settings.section import Finding, Name, Section, Values, cut, shown, table

NAMESPACE = r"^[A-Za-z0-9._/#-]{1,255}$"
REGION_OF_NONE = AwsAccount.model_fields["region"].default
TOPIC_OR_NONE = r"^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})?$"


class CloudWatch(Section):
    """Whether each deployment's end sends figures to CloudWatch."""

    words: ClassVar[Mapping[str, str]] = {
        NAMESPACE: "a namespace of CloudWatch: letters, digits and ._/#-",
        TOPIC_OR_NONE: "the ARN of a topic of SNS, not a FIFO one",
    }

    emf: bool = False  # into the log group /tagship/<app>, which `inv setup` makes with a dashboard and alarms
    namespace: str = Field(default="tagship", pattern=NAMESPACE)
    environments: tuple[Name, ...] = ()  # whose; empty: all but previews
    alarm_topic: str = Field(default="", pattern=TOPIC_OR_NONE)  # that alarms go to; empty: they alarm nobody
    failure_rate: float = Field(default=0.15, ge=0, lt=1)  # the share of failed changes above which there is an alarm

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        for key in ("alarm_topic", "environments"):
            if values.get(key) and values.get("emf") is not True:
                yield key, "is nothing without figures: write emf = true"
        if str(values.get("namespace", "")).startswith("AWS/"):
            yield "namespace", "begins with AWS/, which is for AWS's own metrics: choose another"


def metrics_problems(chosen: Values, environments: Mapping[str, Values], app: Values) -> Iterator[Finding]:
    """Find a topic of another region, and names that are no environments."""
    names = chosen.get("environments", ())
    named = [name for name in names if isinstance(name, str)] if isinstance(names, (list, tuple)) else []
    for name in named:
        if name not in environments:
            yield "metrics.environments", f"names {shown(name)}, which tagship.toml lacks: remove it"
    topic = str(chosen.get("alarm_topic", ""))
    if topic.count(":") != 5:
        return
    for name in named or environments:
        region = over(app, table(environments.get(name, {}), "aws")).get("region") or REGION_OF_NONE
        if topic.split(":")[3] != region:
            problem = f"is not in {cut(str(region))}, where {cut(name)} is: an alarm reaches topics of its own region"
            yield "metrics.alarm_topic", f"{problem}; name the environments of its region in metrics.environments"
            return
