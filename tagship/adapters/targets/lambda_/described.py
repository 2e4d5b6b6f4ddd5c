"""How Lambda's answers read: an alias, a version or $LATEST, an invocation."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tagship.domain.lambda_.record import Label, Record

ZIP, IMAGE = "Zip", "Image"  # PackageType
NAMING = frozenset({"VERSION", "COMMIT_SHA", "BUILD_TIME"})  # variables that name an artifact
# What GetFunctionConfiguration answers of a version alone; what is not here counts, also what is added some day.
OWN = frozenset({
    "FunctionArn", "Version", "Description", "LastModified", "RevisionId", "MasterArn", "State", "StateReason",
    "StateReasonCode", "ConfigSha256", "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode",
    "ResponseMetadata",
})  # fmt: skip
TAIL = 2000  # characters of a log


@dataclass(frozen=True)
class Alias:
    """What an alias names, and what its description records."""

    version: str
    revision: str
    weights: Mapping[str, float] = field(default_factory=dict)
    record: Record | None = None


@dataclass(frozen=True)
class Configuration:
    """A version, or $LATEST, as Lambda describes it."""

    version: str
    revision: str
    packaged: str  # PackageType
    guard: str  # CodeSha256, as Lambda writes it
    code_sha256: str  # hex; of an image, its digest's
    label: Label | None
    record: Record | None  # of $LATEST, if callers reach the function without an alias
    state: str
    problem: str  # why it cannot run, as far as Lambda says
    updating: bool
    failed: str  # why the last update failed
    handler: str
    variables: Mapping[str, str]
    unfit: str  # why tagship cannot change it
    architecture: str = "x86_64"
    snapshot: str = ""  # On or Off, of a function whose published versions start from a snapshot
    size: int = 0  # bytes of a zip file
    place: str = ""  # where its code can be had: an image's address by digest, or a zip file's URL for some minutes
    settings: Mapping[str, Any] = field(default_factory=dict)  # all that publishing would make a new version of


@dataclass(frozen=True)
class Provisioned:
    """An alias's provisioned concurrency."""

    status: str
    reason: str

    @property
    def failed(self) -> bool:
        return self.status == "FAILED"


@dataclass(frozen=True)
class Invoked:
    """An answer: its version, FunctionError or "", the log's end."""

    payload: bytes
    version: str
    error: str
    log: str


def alias(answer: Any) -> Alias:
    weights = answer.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    record = Record.read(answer.get("Description", ""))
    return Alias(answer["FunctionVersion"], answer["RevisionId"], weights, record)


def configuration(answer: Any) -> Configuration:
    failed = answer.get("LastUpdateStatus") == "Failed"
    packaged = answer.get("PackageType", ZIP)
    return Configuration(
        version=answer["Version"],
        revision=answer["RevisionId"],
        packaged=packaged,
        guard=answer["CodeSha256"],
        code_sha256=answer["CodeSha256"] if packaged == IMAGE else base64.b64decode(answer["CodeSha256"]).hex(),
        label=Label.read(answer.get("Description", "")),
        record=Record.read(answer.get("Description", "")),
        state=answer.get("State", ""),
        problem=_words(answer, "State"),
        updating=answer.get("LastUpdateStatus") == "InProgress",
        failed=_words(answer, "LastUpdateStatus") or "no reason given" if failed else "",
        handler=answer.get("Handler", ""),
        variables=answer.get("Environment", {}).get("Variables", {}),
        unfit=_unfit(answer),
        architecture=answer.get("Architectures", ["x86_64"])[0],
        snapshot=_snapshot(answer.get("SnapStart", {})),
        size=int(answer.get("CodeSize", 0)),
        settings=_settings(answer),
    )


def _settings(answer: Any) -> dict[str, Any]:
    """Take what a version and $LATEST may have in common."""
    taken = {name: value for name, value in answer.items() if name not in OWN}
    taken["Environment"] = nameless(answer.get("Environment", {}).get("Variables", {}))
    taken["SnapStart"] = answer.get("SnapStart", {}).get("ApplyOn", "None")
    return taken


def nameless(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out the variables that name an artifact."""
    return {name: value for name, value in variables.items() if name not in NAMING}


def whole(answer: Any) -> Configuration:
    """Read GetFunction's answer.

    An image's SHA-256 is what Lambda resolved its address to.
    """
    now, code = configuration(answer["Configuration"]), answer["Code"]
    if now.packaged != IMAGE:
        return replace(now, place=code.get("Location", ""))
    address = str(code.get("ResolvedImageUri", ""))
    return replace(now, place=address, code_sha256=address.rpartition("@sha256:")[2])


def _words(answer: Any, what_of: str) -> str:
    """Join Lambda's code and its sentence."""
    words = (answer.get(f"{what_of}ReasonCode", ""), answer.get(f"{what_of}Reason", ""))
    return ": ".join(word.rstrip(".") for word in words if word)


def _snapshot(answer: Any) -> str:
    return str(answer.get("OptimizationStatus", "")) if answer.get("ApplyOn") == "PublishedVersions" else ""


def _unfit(answer: Any) -> str:
    """Say why tagship cannot change a function."""
    if answer.get("CapacityProviderConfig"):
        return "it runs on a capacity provider, whose versions become active in another way"
    if answer.get("Environment", {}).get("Error"):
        return "its variables cannot be read, so they would be lost (kms:Decrypt)"
    return ""


def invoked(answer: Any, payload: bytes) -> Invoked:
    """Read an invocation, whose payload has been read."""
    log = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    return Invoked(payload, answer.get("ExecutedVersion", ""), answer.get("FunctionError", ""), log[-TAIL:])
