"""[environments.<name>.asg]: Auto Scaling groups whose hosts boot their version, and how those are replaced."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from tagship.domain.rules import Rules
from tagship.settings.ec2 import Hosts
from tagship.settings.late import late
from tagship.settings.section import Finding, Section, Text, Values, table

if TYPE_CHECKING:
    from tagship.domain.infra_owned import Ownership

GROUP_NAME = late(r"^[A-Za-z0-9._-]{1,255}$")
LONGEST = 2880  # minutes: Auto Scaling's 48 hours

GroupName = Annotated[str, StringConstraints(pattern=GROUP_NAME)]
Percentage = Annotated[int, Field(ge=1, le=100)]
Held = Literal["refuse", "wait", "replace"]


class Refresh(Section):
    """How a group's instances are replaced: the preferences of its instance refresh.

    With more than 100 % at most, an instance is launched before another one is terminated.
    """

    min_healthy: int = Field(default=100, ge=0, le=100)  # percent of the desired capacity
    max_healthy: int = Field(default=110, ge=100, le=200)
    warmup: int = Field(default=-1, ge=-1, le=21_600)  # seconds until an instance counts; -1: what the group has
    checkpoints: tuple[Percentage, ...] = ()  # percentages at which it waits
    checkpoint_delay: int = Field(default=10, ge=0, le=LONGEST)  # minutes
    bake: int = Field(default=0, ge=0, le=LONGEST)  # minutes that the whole group is watched
    protected: Held = "refuse"  # instances that are protected from scale-in
    standby: Held = "refuse"  # instances in standby
    alarms: tuple[Text, ...] = ()  # names of CloudWatch alarms at which Auto Scaling goes back
    timeout: int = Field(default=7200, ge=10, le=172_800)  # seconds that a group may take beside checkpoints and bake

    @classmethod
    def problems(cls, values: Values) -> Iterator[Finding]:
        points = values.get("checkpoints")
        numbers = [point for point in points if isinstance(point, int)] if isinstance(points, (list, tuple)) else []
        if numbers != sorted(set(numbers)):
            yield "checkpoints", "are percentages that rise: [25, 100]"
        elif numbers and numbers[-1] != 100:
            yield "checkpoints", "end below 100: the rest of the group would never be replaced; add 100"


class Asg(Hosts):
    """The groups of an environment, whose instances a deployment replaces.

    Their `tags` reach every instance, by the group or by its launch template.
    """

    table = "asg"
    late = ("groups", "refresh.alarms")
    words: ClassVar[Mapping[str, str]] = {
        **Hosts.words,
        GROUP_NAME: "an Auto Scaling group's name: letters, digits, dots, hyphens and underscores",
    }

    groups: Annotated[tuple[GroupName, ...], Field(min_length=1)]
    order: Literal["together", "in order"] = "together"
    refresh: Refresh = Field(default_factory=Refresh.model_construct)

    @property
    def rules(self) -> Rules:
        return Rules("100%" if self.order == "together" else "1", "0")

    @property
    def longest(self) -> int:
        waits = 60 * (len(self.refresh.checkpoints) * self.refresh.checkpoint_delay + self.refresh.bake)
        return 2 * self.refresh.timeout + waits  # there, and back

    @property
    def owned(self) -> "Ownership":
        from tagship.domain.infra_owned import Owned

        group = Owned(("launch_template[0].version",), (), ("desired_capacity",))
        return {"aws_autoscaling_group": group, "aws_launch_template": Owned(("user_data", "description"))}

    @property
    def stack_groups(self) -> tuple[str, ...]:
        return self.groups

    @classmethod
    def problems_in(cls, environment: Values) -> Iterator[Finding]:
        yield from super().problems_in(environment)
        values = table(environment, cls.table)
        if values.get("kind", "service") == "job":
            yield "asg.kind", 'is for hosts that stay: a group\'s are replaced, so "service" is all they run'
        names = values.get("groups")
        if isinstance(names, (list, tuple)) and len(set(map(str, names))) < len(names):
            yield "asg.groups", "names a group twice"
