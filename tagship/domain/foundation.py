"""What an account needs, as text: CloudFormation templates with an environment's tags and secrets in them, and how they
differ from what the account has. Pure; tagship.verbs.setup makes it.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tagship.domain.moving_tags import CACHE

MADE_BY_US = "(made with the stack {})"  # in a plan: what is known only once another stack is there
DOCUMENT = "tagship-deploy"  # the template needs a name, also for a kind of target without documents
_ECR = re.compile(r"[0-9]{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/([a-z0-9][a-z0-9._/-]{1,255})\Z")

LARGEST_TRUST = 2_048  # characters of a role's trust policy (IAM quotas)
LARGEST = 51_200  # bytes of a TemplateBody (CloudFormation quotas)
_POLICY = r"^  (?:People|Cleanup|Observe)Of{0}(PolicyArn)?:\n(?: {{4}}.*\n|\n)+"  # a resource, and its output
# One in a list of statements.
_STATEMENT = r"^ {{10}}- !If\n {{12}}- Has{0}\n(?: {{12}}(?!- !Ref).*\n)+ {{12}}- !Ref AWS::NoValue\n"
_LINES = re.compile(r"^ *#.*\n", re.MULTILINE)  # comments that are whole lines
DESCRIPTION = re.compile(r"^ {4}Description: .*\n", re.MULTILINE)  # of a parameter, or of an output
COMMENT = re.compile(rf"{_LINES.pattern}|(?<=\S) # [^\"'\n]*$", re.MULTILINE)  # these, and what follows a value


@dataclass(frozen=True)
class Existing:
    """What an account has already. `key` and `provider` are ARNs; empty: none."""

    bucket: bool = False
    key: str = ""
    provider: str = ""
    repository: bool = False


@dataclass(frozen=True)
class Stack:
    """A CloudFormation stack, as it is or as it should be.

    One that should be has no status and no outputs.
    """

    name: str
    template: str
    parameters: Mapping[str, str]
    status: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return what decides whether a stack changes: parameters, then template."""
        head = "".join(f"{key} = {self.parameters[key]}\n" for key in sorted(self.parameters))
        return f"{head}{self.template.strip()}\n"


def stack_name(app: str, environment: str = "") -> str:
    """Name the stack of an app, or of one of its environments."""
    return f"tagship-{app}-{environment}" if environment else f"tagship-{app}"


_PLACE = re.compile(r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([A-Za-z0-9._/-]+)\Z")


def repository_name(image: str) -> str:
    """Name an ECR repository within its account; empty for other registries."""
    match = _ECR.match(image)
    return match[1] if match else ""


def repository_place(image: str) -> tuple[str, str, str] | None:
    """Locate an ECR repository: account, region and name; None elsewhere."""
    match = _PLACE.match(image)
    return (match[1], match[2], match[3]) if match else None


def with_repositories(template: str, repositories: Mapping[str, Sequence[str]]) -> str:
    """Add repositories to foundation.yaml, each as its first one is.

    The tags of each may move.
    """
    model = re.search(r"^  Images:\n(?: {4}.*\n)+", template, re.MULTILINE)
    if model is None:
        return template
    made = ""
    for name, tags in repositories.items():
        text = model[0].replace("  Images:", f"  Images{hashlib.sha256(name.encode()).hexdigest()[:8]}:", 1)
        text = text.replace("    Condition: MakesRepository\n", "").replace("!Ref ImageRepository", _text(name))
        made += "\n" + with_moving(text, tags)
    return template.replace(model[0], model[0] + made, 1)


def with_moving(template: str, tags: Sequence[str]) -> str:
    """Let tags of a template's first repository move, beside the cache's."""
    kind, value = "ImageTagMutabilityExclusionFilterType: WILDCARD", "ImageTagMutabilityExclusionFilterValue"
    first = f"        - {kind}\n          {value}: {CACHE}\n"
    rest = "".join(f"        - {kind}\n          {value}: {_text(tag)}\n" for tag in tags)
    return template.replace(first, first + rest, 1)


def shared(
    *, app: str, bucket: str, locked: int, key: str, image: str, existing: Existing, before: Mapping[str, str] | None
) -> dict[str, str]:
    """Choose the parameters of foundation.yaml.

    What that stack made stays part of it; anything else that the account has is used and left alone.
    `before` is what the stack was last made with; `locked` are days of Object Lock.
    """
    before = before or {}
    alias = key.removeprefix("kms:") if key.startswith("kms:alias/") else ""
    kept_bucket = before.get("MakeBucket") == "yes" and before.get("Bucket") == bucket
    kept_key = bool(alias) and before.get("KeyAlias") == alias
    kept_image = bool(image) and before.get("ImageRepository") == image
    kept_provider = before.get("ProviderArn", "?") == ""
    return {
        "App": app,
        "Bucket": bucket,
        "LockDays": str(locked),
        "MakeBucket": "yes" if kept_bucket or not existing.bucket else "no",
        "KeyAlias": alias if kept_key or not existing.key else "",
        "KeyArn": "" if kept_key else existing.key,
        "ImageRepository": image if kept_image or not existing.repository else "",
        "ProviderArn": "" if kept_provider else existing.provider,
    }


def with_keys(template: str, aliases: Mapping[str, str]) -> str:
    """Name each key to make after its alias."""
    # So another alias makes another key, and the one before is left where it is.
    for name, alias in aliases.items():
        if alias:
            mark = hashlib.sha256(alias.encode()).hexdigest()[:8]
            template = re.sub(rf"\b({name}(?:Alias)?)0\b", rf"\g<1>{mark}", template)
    return template


def with_blocks(
    template: str,
    tags: Mapping[str, str],
    parameters: str,
    secrets: Sequence[str],
    *,
    functions: Sequence[str] = (),
    services: Sequence[str] = (),
    roles: Sequence[str] = (),
    families: Sequence[str] = (),
    sites: Sequence[str] = (),
    distributions: Sequence[str] = (),
    images: Sequence[str] = (),
    copied: Sequence[str] = (),
    groups: Sequence[str] = (),
    legacy: Sequence[str] = (),
    topics: Sequence[str] = (),
    figures: bool = False,
    report: str = "",
    host_logs: str = "",
) -> str:
    """Fill the blocks of environment.yaml.

    `legacy` are keys of archives from before tagship, with * for the version; `services` are cluster/service; `roles`
    are those that their task definitions name, `families` what is registered; `sites` are bucket/prefix; `figures`:
    some go to CloudWatch; `report` is bucket/key of a page; `host_logs` is the group that agents send to.
    A tag is always read as text. An empty argument leaves its block unchanged. A template that is too large for
    CloudFormation loses the policies that its conditions leave out, then descriptions, and then its comments.
    """
    condition = [f"{_text('ssm:resourceTag/' + name)}: {_text(tags[name])}" for name in sorted(tags)]
    path = [_resource("ssm", "parameter" + parameters.rstrip("/") + "/*")] if parameters else []
    # Six characters that Secrets Manager adds to a name: a question mark each, so that no longer name is meant too.
    named = [_resource("secretsmanager", f"secret:{name}-??????") for name in sorted(set(secrets))]
    # A function's own name stands for $LATEST; the other for its versions and aliases.
    allowed = [_resource("lambda", f"function:{name}{suffix}") for name in sorted(functions) for suffix in ("", ":*")]
    blocks = {"tags": condition, "parameters": path, "secrets": named, "functions": allowed}
    blocks |= {"versions": [_resource("lambda", f"function:{name}:*") for name in sorted(functions)]}
    blocks |= {"legacy": [_archives(key) for key in ("bundles/${Environment}/*", *legacy)] if legacy else []}
    blocks |= {"services": _services(services), "clusters": _clusters(services), "beside": _beside(services)}
    blocks |= {"asked": [line for line in _services(services) if ":service-deployment/" not in line]}
    blocks |= {"families": [_resource("ecs", f"task-definition/{name}:*") for name in sorted(set(families))]}
    blocks |= {"roles": [_global("iam", f"role/{name}") for name in sorted(roles)]}
    # No region in the ARNs of either, and in a bucket's no account.
    blocks |= {"sites": [_sub(f"arn:${{AWS::Partition}}:s3:::{place}*") for place in sorted(set(sites))]}
    blocks |= {"distributions": [_global("cloudfront", f"distribution/{id_}") for id_ in sorted(set(distributions))]}
    of_groups = [f"autoScalingGroup:*:autoScalingGroupName/{name}" for name in sorted(groups)]
    blocks |= {"groups": [_resource("autoscaling", name) for name in of_groups]}
    blocks |= {"topics": [f"- {_text(arn)}" for arn in sorted(set(topics))]}
    blocks |= {"images": _repositories(images), "copied": _repositories(copied)}
    blocks |= _logs(functions, services, host_logs)
    for name, lines in blocks.items():
        template = _block(template, name, lines)
    running = {"Functions": functions, "Services": services, "Groups": groups, "Sites": sites, "Hosts": tags}
    running |= {"Images": _repositories(images), "Figures": ["figures"] if figures else [], "Report": report}
    return _fitting(template, [noun for noun, names in running.items() if not names])


def _fitting(template: str, absent: Sequence[str]) -> str:
    """Leave out policies of absent things, descriptions, comments, until it fits."""
    for pattern in (_POLICY, _STATEMENT):
        for noun in absent:
            if len(template.encode()) > LARGEST:
                template = re.sub(pattern.format(noun), "", template, flags=re.MULTILINE)
    for words in (DESCRIPTION, _LINES, COMMENT):
        if len(template.encode()) > LARGEST:
            template = words.sub("", template)
    return template


def _logs(functions: Sequence[str], services: Sequence[str], hosts: str) -> dict[str, list[str]]:
    """List the log groups of what runs, each by its whole name.

    What begins with an environment's name may be another's: production-auto is no part of production.
    """
    tasks = {name.rpartition("/")[2] for name in services}
    names = {
        "host logs": [hosts] if hosts else [],
        "function logs": [f"/aws/lambda/{name}" for name in sorted(functions)],
        "service logs": [f"/ecs/{name}" for name in sorted(tasks)],
    }
    return {kind: [_resource("logs", f"log-group:{name}:*") for name in groups] for kind, groups in names.items()}


def _clusters(services: Sequence[str]) -> list[str]:
    return [_resource("ecs", f"cluster/{name}") for name in sorted({name.partition("/")[0] for name in services})]


def _repositories(images: Sequence[str]) -> list[str]:
    """List the repositories of ECR, in whatever account and region."""
    places = sorted({match.groups() for match in map(_PLACE.match, images) if match})
    arn = "arn:${{AWS::Partition}}:ecr:{1}:{0}:repository/{2}"
    return [_sub(arn.format(*place)) for place in places]


def _services(services: Sequence[str]) -> list[str]:
    """List services and their deployments, and their clusters' revisions and tasks."""
    clusters = sorted({name.partition("/")[0] for name in services})
    names = [f"service/{name}" for name in sorted(services)]
    names += [f"service-deployment/{name}/*" for name in sorted(services)]
    # A revision is only read; named for each service, ten services would not fit. IAM takes no wildcard in a type.
    names += [f"{kind}/{cluster}/*" for kind in ("service-revision", "task") for cluster in clusters]
    return [_resource("ecs", name) for name in names]


def _beside(services: Sequence[str]) -> list[str]:
    """List whatever runs in the clusters of services."""
    clusters = sorted({name.partition("/")[0] for name in services})
    kinds = ("service", "service-revision", "task")
    return [_resource("ecs", f"{kind}/{cluster}/*") for kind in kinds for cluster in clusters]


def _archives(key: str) -> str:
    return f'- !Sub "arn:${{AWS::Partition}}:s3:::${{Bucket}}/{key}"'


def _global(service: str, name: str) -> str:
    """Name a resource of a service without regions."""
    return _sub(f"arn:${{AWS::Partition}}:{service}::${{AWS::AccountId}}:{name}")


def _sub(arn: str) -> str:
    return f"- !Sub {_text(arn)}"


def _text(text: str) -> str:
    """Quote a text for YAML: characters that are not plain by number."""
    # JSON's surrogate pairs are not YAML's.
    plain = (char if char in " !" or ("#" <= char <= "~" and char != "\\") else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'


def _resource(service: str, name: str) -> str:
    return _sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{name}")


def _block(template: str, name: str, lines: Sequence[str]) -> str:
    if not lines:
        return template
    pattern = rf"^( *)# {name}: begin\n.*?^ *# {name}: end$"

    def put(match: re.Match[str]) -> str:
        return "\n".join(match[1] + line for line in lines)

    return re.sub(pattern, put, template, flags=re.MULTILINE | re.DOTALL)


def trust_size(repository: str, environment: str, workflows: Sequence[str]) -> int:
    """Return the most characters that a role's trust policy has."""
    numbers, fixed = 24, 600  # two of ten digits with their @; the rest of the policy, with the provider's ARN
    subjects = 2 * len(f'"repo:{repository}:environment:{environment}",') + numbers
    return fixed + subjects + sum(len(f'"{workflow}",') for workflow in workflows)


def diff(name: str, current: str, wanted: str) -> list[str]:
    """List what would change, as lines of a unified diff."""
    lines = difflib.unified_diff(
        current.splitlines(), wanted.splitlines(), f"{name} (now)", f"{name} (wanted)", lineterm=""
    )
    return list(lines)
