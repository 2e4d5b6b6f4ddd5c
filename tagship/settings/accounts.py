"""What doesn't fit among the AWS accounts of tagship.toml: the app's, and those of environments.

A bucket's name is unique in all of S3: it is in one account and one region. A lease is one object, so the environments
that share it share its bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import PrivateAttr

from tagship.domain import layout
from tagship.settings.aws import REGION_PLACE, AwsAccount, OwnAccount
from tagship.settings.previews import ANY, Named, Previews
from tagship.settings.section import Finding, Section, Values, cut, shown, table
from tagship.settings.tables import PLACE

if TYPE_CHECKING:
    from tagship.settings.environment import Environment
    from tagship.settings.images import NamedImage

KEYS = ("account", "region", "profile")  # what a bucket has one of


def over(app: Values, own: Values) -> Values:
    """Return the app's account with an environment's own keys in its place."""
    return {**app, **{key: value for key, value in own.items() if value}}


def of_one_account(environments: Mapping[str, Values], app: Values) -> Iterator[Finding]:
    """Find buckets that two tables put into different accounts or regions."""
    owners = {str(app.get("bucket", "")): ("aws", app)}
    for name, environment in environments.items():
        own, place = table(environment, "aws"), f"environments.{name}.aws"
        chosen = over(app, own)
        bucket = str(chosen.get("bucket", ""))
        owner, other = owners.setdefault(bucket, (place, chosen))
        for key in KEYS:
            if any(own.values()) and chosen.get(key, "") != other.get(key, ""):
                yield f"{place}.{key}", f"differs from {cut(owner)}, whose bucket it has: name a bucket of its own"


def one_bucket_a_lease(environments: Mapping[str, Values], app: Values) -> Iterator[Finding]:
    """Find environments that share a lease and have two buckets."""
    buckets: dict[str, tuple[str, str]] = {}
    for name, environment in environments.items():
        group = str(environment.get("lease_group") or name)
        bucket = str(over(app, table(environment, "aws")).get("bucket", ""))
        first, other = buckets.setdefault(group, (name, bucket))
        if other != bucket:
            yield (
                f"environments.{name}.lease_group",
                f"is {shown(group)}, the lease of {cut(first)} in another bucket: give both the same aws.bucket",
            )


def account_problems(environments: Mapping[str, Values], values: Values) -> Iterator[Finding]:
    """Find what doesn't fit among the accounts, buckets and regions of environments."""
    app = table(values, "aws")
    yield from one_key(environments, table(values, "signing"), app)
    yield from of_one_account(environments, app)
    yield from one_bucket_a_lease(environments, app)
    yield from bucket_a_region(environments)


def one_key(environments: Mapping[str, Values], signing: Values, app: Values) -> Iterator[Finding]:
    """Find a key of KMS that environments of several accounts would share."""
    accounts = {str(over(app, table(environment, "aws")).get("account", "")) for environment in environments.values()}
    for key in ("key", "order_key"):
        name = str(signing.get(key, ""))
        if len(accounts) > 1 and name.startswith("kms:") and PLACE not in name:
            yield f"signing.{key}", f"is in one account, and environments are in {len(accounts)}: put {PLACE} into it"


def bucket_a_region(environments: Mapping[str, Values]) -> Iterator[Finding]:
    """Find environments whose regions would share a bucket."""
    for name, environment in environments.items():
        regions, bucket = environment.get("regions", ()), str(table(environment, "aws").get("bucket", ""))
        if not isinstance(regions, (list, tuple)):
            continue
        place = f"environments.{name}"
        if len({str(region) for region in regions}) < len(regions):
            yield f"{place}.regions", "names a region twice: a version goes to each once"
        if len(regions) > 1 and REGION_PLACE not in bucket:
            yield f"{place}.aws.bucket", f"needs {REGION_PLACE}: each region has a bucket, such as hello-{REGION_PLACE}"
        if not regions and REGION_PLACE in bucket:
            yield f"{place}.aws.bucket", f"has {REGION_PLACE}, and no regions are named: environments.{name}.regions"


def placed(value: Any, region: str) -> Any:
    """Write a region into the addresses below a section that have {region}."""
    if isinstance(value, Mapping):
        return {key: placed(part, region) for key, part in value.items()}
    if not isinstance(value, Section):
        return value
    changed = {name: placed(getattr(value, name), region) for name in type(value).model_fields}
    if isinstance(changed.get("url"), str):
        changed["url"] = changed["url"].replace(REGION_PLACE, region)
    return value.model_copy(update={name: part for name, part in changed.items() if part != getattr(value, name)})


class Located(Section):
    """Settings that know the account of each environment."""

    _whole: Self | None = PrivateAttr(default=None)  # with the environments of every account

    _copied_to: str = PrivateAttr(default="")

    if TYPE_CHECKING:
        app: str
        aws: AwsAccount
        legacy_keys: tuple[str, ...]
        previews: Previews
        images: Mapping[str, NamedImage]

        @property
        def environments(self) -> Mapping[str, Environment]: ...
        @classmethod
        def environment_model(cls) -> type[Environment]: ...
        def environment(self, name: str) -> Environment: ...
        def is_preview(self, environment: str) -> bool: ...

    def lease_group(self, environment: str) -> str:
        """Return the lease group of an environment: its setting, or its name."""
        return self.environment(environment).lease_group or environment

    @property
    def whole(self) -> Self:
        """Return the settings with the environments of every account."""
        return self._whole or self

    @property
    def images_in(self) -> str:
        """Name the region that follows another and has copies of its images."""
        # Empty in an environment's first region, whose registry the manifest names.
        return self._copied_to

    def account(self, environment: str) -> AwsAccount:
        """Return the account of an environment: the app's, with its own keys."""
        return self.places(environment)[0]

    def places(self, environment: str) -> list[AwsAccount]:
        """List an environment's account in each of its regions, in their order."""
        chosen = self.environment(environment)
        if not chosen.regions:
            return [chosen.aws.over(self.aws)]
        return [chosen.aws.into(region, self.aws) for region in chosen.regions]

    def in_region(self, environment: str, place: AwsAccount) -> Self:
        """Return the settings of one environment in one of its regions."""
        chosen = self.environment(environment)
        images = {name: image.in_region(place.region) for name, image in self.images.items()}
        own = placed(chosen, place.region).model_copy(
            update={"aws": OwnAccount(), "regions": (), "image": chosen.image.in_region(place.region)}
        )
        made = self.model_copy(update={"aws": place, "environments": {environment: own}, "images": images})
        made._whole, made._copied_to = self.whole, "" if place == self.account(environment) else place.region
        return made

    @property
    def accounts(self) -> list[AwsAccount]:
        """List the accounts of environments, once each."""
        named = [*self.environments, *([f"pr-{ANY}"] if self.previews.environment else [])]
        return list({account.bucket: account for account in map(self.account, named)}.values())

    def bucket_of(self, key: str) -> str:
        """Name the bucket of a key; empty if it is of none."""
        owner = self._owner(key)
        return self.account(owner).bucket if owner else ""

    def state(self, environment: str, account: str = "{account}") -> tuple[str, str]:
        """Locate an environment's Terraform state: bucket and key.

        Without an account's id, `{account}` stays in them if the settings have it.
        """
        infra, aws = self.environment(environment).infra, self.account(environment)
        bucket, key = infra.state_bucket or aws.bucket, infra.state_key or layout.state(self.app, environment)
        for name, value in (("account", account), ("region", aws.region), ("environment", environment)):
            bucket, key = (place.replace(f"{{{name}}}", value) for place in (bucket, key))
        return bucket, key

    def within(self, account: AwsAccount) -> Self:
        """Return the settings of one account, with its environments alone."""
        own = {name: chosen for name, chosen in self.environments.items() if self.account(name) == account}
        previews = self.previews
        if previews.environment and self.account(f"pr-{ANY}") != account:
            previews = Previews()
        environments = Named.of(own, self.environment_model(), previews) if previews.environment else own
        made = self.model_copy(update={"aws": account, "environments": environments, "previews": previews})
        made._whole = self.whole
        return made

    def _owner(self, key: str) -> str:
        """Name the environment that a key of S3 is of.

        Empty if it is of none. A lease is of any environment of its group: they share a bucket.
        """
        name = layout.environment_of(key, self.app)
        if name in self.environments:
            return name
        if name and key == layout.lease(self.app, name):
            return next((own for own in self.environments if self.lease_group(own) == name), "")
        return next((own for own in self.environments if self._is_archive(key, own)), "")

    def _is_archive(self, key: str, environment: str) -> bool:
        """Tell whether a key is an environment's archive from before tagship."""
        patterns = [pattern.partition("{tag}")[0] for pattern in self.legacy_keys if "{environment}" in pattern]
        begins = (pattern.format(app=self.app, environment=environment) for pattern in patterns)
        return any(begin and key.startswith(begin) for begin in begins)
