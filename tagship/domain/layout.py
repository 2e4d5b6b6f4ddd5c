"""Where everything is in the bucket: the one place that spells a key."""

from __future__ import annotations

from collections.abc import Sequence

BUNDLE = "deploy-bundle.tar.gz"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
PROVENANCE = "provenance.json"
SBOM = "sbom.json"
ATTESTATIONS = "attestations.json"  # GitHub's own
CONFIGURATION = "deploy/environments"  # where a bundle has what its environments' targets read


def environment_of(key: str, app: str) -> str:
    """Name the environment, or the lease's group, that a key is of.

    Empty for a key, or a prefix, of no single one.
    """
    top, _, rest = key.partition("/")
    name, slash, inner = rest.partition("/")
    if top not in (app, "bundles"):
        return ""
    if top != app or not name.startswith("_"):
        return name if slash else ""
    owner, deeper, _ = inner.partition("/")
    return owner if deeper else owner.removesuffix(".json") if owner.endswith(".json") else ""


def artifact(app: str, environment: str, artifact_id: str, name: str) -> str:
    """Spell an artifact's key for BUNDLE, MANIFEST, SBOM and so on."""
    return f"{app}/{environment}/{artifact_id}/{name}"


def package(name: str) -> str:
    """Name the zip file of a package, beside an artifact's bundle."""
    return f"packages/{name}.zip"


def static(name: str) -> str:
    """Name the zip file of a static set's files."""
    return f"static/{name}.zip"


def static_files(name: str) -> str:
    """Name the list of a static set's files, with their headers."""
    return f"static/{name}.json"


def objects_of_set(name: str) -> list[str]:
    """Name both objects of a static set."""
    return [static(name), static_files(name)]


def static_presence(app: str, environment: str, name: str) -> str:
    """Spell the key of what a static set's destination holds."""
    return f"{app}/_static/{environment}/{name}.json"


def signature_by(key: str) -> str:
    """Name the signature that `resign` puts beside a manifest's own."""
    # An object of its own: the manifest and its signature are written once.
    return f"manifest.{key}.sig"


def artifacts(app: str, environment: str) -> str:
    """Spell the prefix of an environment's artifacts."""
    return f"{app}/{environment}/"


def ledger(app: str, environment: str) -> str:
    return f"{app}/_ledger/{environment}/"


def ledger_entry(app: str, environment: str, deployment_id: str, number: int, state: str) -> str:
    """Spell the key of a state change: `<deployment id>/<n>-<state>.json`."""
    # Ids sort by time, and each state change is its own object.
    return f"{ledger(app, environment)}{deployment_id}/{number}-{state}.json"


def index(app: str, environment: str) -> str:
    """Spell the prefix of the ledger's index."""
    # Like marks, it sorts after deployments, whose ids begin with a digit.
    return f"{ledger(app, environment)}_index/"


def index_segment(app: str, environment: str, first: str, last: str) -> str:
    """Spell a segment's key, which names its range of deployment ids."""
    return f"{index(app, environment)}{first}_{last}.json.gz"


def marks(app: str, environment: str) -> str:
    """Spell the prefix of people's marks on versions."""
    return f"{ledger(app, environment)}_marks/"


def mark(app: str, environment: str, mark_id: str) -> str:
    return f"{marks(app, environment)}{mark_id}.json"


def lease(app: str, group: str) -> str:
    """Spell the key of a lease by its group's name."""
    # A group is an environment, or several that share the lease.
    return f"{app}/_lease/{group}.json"


def fence(app: str, environment: str) -> str:
    """Spell the key of the last reset of fencing numbers; see tagship.domain.fence."""
    return f"{app}/_fence/{environment}.json"


def freeze(app: str, environment: str) -> str:
    return f"{app}/_freeze/{environment}.json"


def notified(app: str, environment: str, news_id: str, name: str) -> str:
    """Spell the key of a note that a webhook is told."""
    return f"{app}/_notified/{environment}/{news_id}/{name}.json"


def pointer(app: str, environment: str) -> str:
    """Spell the key of what a booting host runs; see tagship.domain.ec2.pointer."""
    return f"{app}/_pointer/{environment}.json"


def group(app: str, environment: str, name: str) -> str:
    """Spell the key of a group's last change; see tagship.domain.asg.record."""
    return f"{app}/_pointer/{environment}/{name}.json"


def previews(app: str) -> str:
    """Spell the prefix of the records of previews."""
    return f"{app}/_preview/"


def preview(app: str, environment: str) -> str:
    """Spell the key of a preview's record; see tagship.domain.preview."""
    return f"{previews(app)}{environment}.json"


def state(app: str, environment: str) -> str:
    """Spell the default key of an environment's Terraform state."""
    return f"{app}/_infra/{environment}/terraform.tfstate"


def at_work(app: str, environment: str) -> str:
    """Spell the prefix of notes about who works on a Terraform state."""
    return f"{app}/_infra/{environment}/at-work/"


def plans(app: str, environment: str) -> str:
    """Spell the prefix of plans that wait for an approval."""
    return f"{app}/_infra/{environment}/plans/"


def legacy_archives(patterns: Sequence[str], app: str, environment: str, artifact_id: str) -> list[str]:
    """List where a version's archive may be from before tagship."""
    # `legacy_keys` first; of the older layouts the one whose key names the version.
    keys = [pattern.format(app=app, environment=environment, tag=artifact_id) for pattern in patterns]
    return [*keys, legacy_bundles(app, environment, artifact_id)[0]]


def legacy_bundles(app: str, environment: str, artifact_id: str) -> list[str]:
    """List where teams kept bundles before tagship."""
    # They are read with a warning, and never written.
    keys = [f"bundles/{environment}/deploy-bundle-{artifact_id}.tar.gz"]
    if environment.startswith("pr-"):
        keys.append(f"{app}/{environment}/{app}-deployment.tar.gz")
    return keys
