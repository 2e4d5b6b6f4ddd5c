"""An account in memory: stacks that are made at once, documents with versions, and what stood there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tagship.domain.documents import same_document
from tagship.domain.foundation import Existing, Stack
from tagship.errors import Refused, ServiceFailed
from tagship.ports.account import Elsewhere, ImageRepository
from tests.fakes.signing import public

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


@dataclass
class FakeFoundation:
    """`before` is what the account has beside our stacks; `done` what was asked of it, in order."""

    before: Existing = field(default_factory=Existing)
    pem: str = PEM  # of every key; empty: each alias has one of its own
    gaps: Sequence[str] = ()
    stacks: dict[str, Stack] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    default: dict[str, int] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    retained: set[str] = field(default_factory=set)  # aliases of keys that stacks have made, and left behind
    images: ImageRepository = field(default_factory=lambda: ImageRepository(movable=False))  # of every repository
    repositories: set[str] = field(default_factory=set)  # of ECR, beside those that stacks have as a parameter
    broken: str = ""  # a stack that cannot be made
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    tags: list[str] = field(default_factory=list)  # environments that resources are tagged with

    def found(self, bucket: str, key: str, repository: str) -> Existing:
        made = [one.parameters for one in self.stacks.values() if "MakeBucket" in one.parameters]
        return Existing(
            bucket=self.before.bucket or any(one["Bucket"] == bucket for one in made),
            key=self.key(key),
            provider=self.before.provider or (PROVIDER if made else ""),
            repository=self.before.repository or any(one["ImageRepository"] == repository != "" for one in made),
        )

    def key(self, key: str) -> str:
        """One that was there before, whatever its name; or one that a stack made under that alias."""
        aliases = {
            one.parameters.get(name, "")
            for one in self.stacks.values()
            for name in ("KeyAlias", "ReleaseKeyAlias", "OrderKeyAlias")
        }
        made = key.startswith("kms:") and key.removeprefix("kms:") in aliases | self.retained
        return self.before.key or (KEY if made else "")

    def has_repository(self, name: str) -> bool:
        made = [one.parameters for one in self.stacks.values() if one.parameters.get("MakeImages", "yes") == "yes"]
        return (
            self.before.repository or name in self.repositories or any(one["ImageRepository"] == name for one in made)
        )

    def image_repository(self, name: str) -> ImageRepository | None:
        return self.images if self.has_repository(name) else None

    def tagged(self, app: str) -> Sequence[str]:
        return sorted(set(self.tags))

    def bucket_gaps(self, bucket: str, app: str) -> Sequence[str]:
        return self.gaps

    def public_key(self, key: str) -> str:
        if not self.key(key):
            raise Refused(f"There is no {key}.", remedy="Make it: inv setup")
        return self.pem or public(key)

    def stack(self, name: str) -> Stack | None:
        return self.stacks.get(name)

    def stacks_elsewhere(self, names: Sequence[str]) -> Elsewhere:
        there = [(region, name) for region, name in self.elsewhere.stacks if name in names]
        return Elsewhere(there, self.elsewhere.unknown)

    def put_stack(self, wanted: Stack, *, protect: bool = False) -> Stack:
        self.done.append(f"stack {wanted.name}{' protected' if protect else ''}")
        if wanted.name == self.broken:
            raise ServiceFailed(
                f"The stack {wanted.name} could not be made as wanted: Bucket: taken", remedy="inv setup"
            )
        made = replace(wanted, status="CREATE_COMPLETE", outputs=_outputs(wanted))
        self.stacks[wanted.name] = made
        self.retained |= {
            wanted.parameters.get(name, "") for name in ("KeyAlias", "ReleaseKeyAlias", "OrderKeyAlias")
        } - {""}
        return made

    def remove_stack(self, name: str) -> None:
        self.done.append(f"remove stack {name}")
        if name == self.broken:
            raise ServiceFailed(
                f"CloudFormation could not delete the stack {name}: People: in use", remedy="Detach it."
            )
        del self.stacks[name]

    def remove_document(self, name: str) -> None:
        self.done.append(f"remove document {name}")
        del self.versions[name]

    def document(self, name: str) -> str | None:
        return self.versions[name][self.default[name]] if name in self.versions else None

    def put_document(self, name: str, content: str) -> str:
        self.done.append(f"document {name}")
        versions = self.versions.setdefault(name, [])
        known = [number for number, one in enumerate(versions) if same_document(one, content)]
        if not known:
            versions.append(content)
        self.default[name] = known[0] if known else len(versions) - 1
        return str(self.default[name] + 1)


def _outputs(wanted: Stack) -> dict[str, str]:
    given = wanted.parameters
    if "CiRole" in given:  # of a region that follows
        return {"PeoplePolicyArn": f"arn:aws:iam::123456789012:policy/{wanted.name}-{given['Bucket']}"}
    if "MakeBucket" in given:
        key = KEY if given["KeyAlias"] else given["KeyArn"] or "none"
        return {"KeyArn": key, "ProviderArn": given["ProviderArn"] or PROVIDER}
    if "SweepBranch" in given:
        return {"PreviewRoleArn": f"arn:aws:iam::123456789012:role/tagship-{given['App']}-previews-preview"}
    name = f"tagship-{given['App']}-{given['Environment']}"
    account = "arn:aws:iam::123456789012"
    people = f"{account}:policy/{name}-people"
    roles = {"CiRoleArn": f"{account}:role/{name}-ci", "NotifyRoleArn": f"{account}:role/{name}-notify"}
    roles |= {f"{role}RoleArn": f"{account}:role/{name}-{role.lower()}" for role in ("Cleanup", "Rollback", "Verify")}
    return {**roles, "HostProfile": f"{name}-host", "HostRole": f"{name}-host", "PeoplePolicyArn": people}
