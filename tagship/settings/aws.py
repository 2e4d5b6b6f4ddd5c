"""Where an app is on AWS: an account, a region and a bucket; the app's own, and those of environments."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, StringConstraints

from tagship.settings.section import Section

if TYPE_CHECKING:
    from tagship.domain.aws_commands import Where

BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]+$"
ACCOUNT = r"^([0-9]{12})?$"
PLACED_BUCKET = r"^[a-z0-9]([a-z0-9.-]|\{region\}){1,61}([a-z0-9]|\{region\})$"
MAYBE_PLACED = rf"^({PLACED_BUCKET[1:-1]})?$"
MAYBE_REGION = rf"^({REGION[1:-1]})?$"
REGION_PLACE = "{region}"
RegionName = Annotated[str, StringConstraints(pattern=REGION)]

WORDS = {
    REGION: "a region such as us-east-1",
    MAYBE_REGION: "a region such as us-east-1",
    ACCOUNT: "an account's twelve digits, in quotes",
    PLACED_BUCKET: "a bucket's name: 3 to 63 small letters, digits, dots and hyphens; {region} stands for the region",
    MAYBE_PLACED: "a bucket's name: 3 to 63 small letters, digits, dots and hyphens; {region} stands for the region",
}


class AwsAccount(Section):
    """The account's region and its bucket for artifacts, ledger and leases."""

    words: ClassVar[Mapping[str, str]] = WORDS

    region: str = Field(default="us-east-1", pattern=REGION)
    bucket: str = Field(pattern=BUCKET)
    profile: str = ""
    account: str = Field(default="", pattern=ACCOUNT)  # its twelve digits, checked before anything is written
    object_lock_days: int = Field(default=0, ge=0, le=3650)  # S3 keeps each version so long; 0: no Object Lock

    @property
    def where(self) -> "Where":
        """Return what a command names that somebody types there."""
        from tagship.domain.aws_commands import Where

        return Where(self.region, self.profile)


class OwnAccount(Section):
    """The account of one environment; an empty key is the app's."""

    words: ClassVar[Mapping[str, str]] = WORDS

    region: str = Field(default="", pattern=MAYBE_REGION)
    bucket: str = Field(default="", pattern=MAYBE_PLACED)
    profile: str = ""
    account: str = Field(default="", pattern=ACCOUNT)

    def over(self, app: AwsAccount) -> AwsAccount:
        """Return the app's account with these keys in place of its own."""
        own = {key: value for key, value in self.model_dump().items() if value}
        return app.model_copy(update=own) if own else app

    def into(self, region: str, app: AwsAccount) -> AwsAccount:
        """Return the same in a region, whose name stands for {region}."""
        chosen = self.over(app)
        return chosen.model_copy(update={"region": region, "bucket": chosen.bucket.replace(REGION_PLACE, region)})
