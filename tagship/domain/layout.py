"""Where things are in the bucket: the one place that spells a key."""

from __future__ import annotations

BUNDLE = "deploy-bundle.tar.gz"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"


def artifact(app: str, environment: str, artifact_id: str, name: str) -> str:
    """The key of one object of an artifact: BUNDLE, MANIFEST or SIGNATURE."""
    return f"{app}/{environment}/{artifact_id}/{name}"


def artifacts(app: str, environment: str) -> str:
    """The prefix under which an environment's artifacts are."""
    return f"{app}/{environment}/"


def ledger(app: str, environment: str) -> str:
    return f"{app}/_ledger/{environment}/"


def ledger_entry(app: str, environment: str, deployment_id: str, number: int, state: str) -> str:
    """`<deployment id>/<n>-<state>.json`: ids sort by time, and each state change is an object of its own."""
    return f"{ledger(app, environment)}{deployment_id}/{number}-{state}.json"


def index(app: str, environment: str) -> str:
    """The prefix of the ledger's index. It sorts after the deployments, whose ids begin with a digit; so do marks."""
    return f"{ledger(app, environment)}_index/"


def index_segment(app: str, environment: str, first: str, last: str) -> str:
    """A segment names the range of deployment ids that it holds."""
    return f"{index(app, environment)}{first}_{last}.json.gz"


def marks(app: str, environment: str) -> str:
    """The prefix of what people said about versions."""
    return f"{ledger(app, environment)}_marks/"


def mark(app: str, environment: str, mark_id: str) -> str:
    return f"{marks(app, environment)}{mark_id}.json"


def lease(app: str, group: str) -> str:
    """The lease of an environment, or of a group of them, by the group's name."""
    return f"{app}/_lease/{group}.json"


def freeze(app: str, environment: str) -> str:
    return f"{app}/_freeze/{environment}.json"


def pointer(app: str, environment: str) -> str:
    """What a host that boots has to run; see tagship.domain.ec2.pointer."""
    return f"{app}/_pointer/{environment}.json"


def state(app: str, environment: str) -> str:
    """The Terraform state of an environment, where its settings do not name another key."""
    return f"{app}/_infra/{environment}/terraform.tfstate"


def at_work(app: str, environment: str) -> str:
    """The prefix of the notes that say whose tool works on an environment's state."""
    return f"{app}/_infra/{environment}/at-work/"


def legacy_bundles(app: str, environment: str, artifact_id: str) -> list[str]:
    """Where teams kept a bundle before tagship; read with a warning, never written."""
    keys = [f"bundles/{environment}/deploy-bundle-{artifact_id}.tar.gz"]
    if environment.startswith("pr-"):
        keys.append(f"{app}/{environment}/{app}-deployment.tar.gz")
    return keys
