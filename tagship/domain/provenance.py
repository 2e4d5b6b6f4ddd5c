"""Where an image was built, as a signed statement: SLSA provenance in an in-toto statement, in a DSSE envelope.

https://slsa.dev/spec/v1.0/provenance, https://github.com/in-toto/attestation, https://github.com/secure-systems-lab/dsse
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Self

from tagship.domain.image import BuiltImage
from tagship.domain.manifest import ImageRef
from tagship.errors import NotAuthentic

STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"
PAYLOAD = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Provenance:
    """Which workflow built which image, of which commit, for which artifact.

    `place` is app/environment/artifact id; `workflow` owner/name/.github/workflows/file@ref, empty outside CI.
    """

    repository: str
    digest: str
    commit: str
    place: str
    workflow: str
    run_url: str
    build_time: str

    @classmethod
    def of(cls, image: ImageRef, built: BuiltImage, place: str, workflow: str, run_url: str) -> Self:
        return cls(image.repository, image.digest, built.commit, place, workflow, run_url, built.build_time)

    def vouches(self, image: ImageRef, built: BuiltImage, place: str, workflow: str) -> bool:
        """Tell whether it is of this image, commit, artifact and workflow file.

        The file may have been run at another ref: the commit is the artifact's.
        """
        mine = (self.repository, self.digest, self.commit, self.place, _file(self.workflow))
        return mine == (image.repository, image.digest, built.commit, place, _file(workflow))

    def statement(self) -> bytes:
        """Write the in-toto statement, in bytes that never vary."""
        path, _, ref = self.workflow.partition("@")
        source = "/".join(path.split("/")[:2])
        value = {
            "_type": STATEMENT,
            "subject": [{"name": self.repository, "digest": dict([self.digest.split(":", 1)])}],
            "predicateType": PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {"workflow": {"repository": source, "path": path, "ref": ref}},
                    "internalParameters": {"artifact": self.place},
                    "resolvedDependencies": [{"uri": f"git+{source}", "digest": {"gitCommit": self.commit}}],
                },
                "runDetails": {
                    "builder": {"id": self.workflow},
                    "metadata": {"invocationId": self.run_url, "startedOn": self.build_time},
                },
            },
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def read(cls, statement: bytes, where: str) -> Self:
        """Read a statement of ours. Raises NotAuthentic."""
        try:
            value = json.loads(statement)
            predicate, [subject] = value["predicate"], value["subject"]
            built, run = predicate["buildDefinition"], predicate["runDetails"]
            [(algorithm, digest)] = subject["digest"].items()
            return cls(
                subject["name"],
                f"{algorithm}:{digest}",
                built["resolvedDependencies"][0]["digest"]["gitCommit"],
                built["internalParameters"]["artifact"],
                run["builder"]["id"],
                run["metadata"]["invocationId"],
                run["metadata"]["startedOn"],
            )
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as reason:
            raise _unread(where) from reason


def to_sign(statement: bytes) -> bytes:
    """Encode what is signed: DSSE's pre-authentication encoding."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(statement), statement)


def sealed(statement: bytes, signature: bytes, key: str) -> bytes:
    """Write the envelope; `key` is the id of the key that signed."""
    payload, signed = (base64.b64encode(part).decode() for part in (statement, signature))
    value = {"payloadType": PAYLOAD, "payload": payload, "signatures": [{"keyid": key, "sig": signed}]}
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def opened(envelope: bytes, where: str) -> tuple[bytes, bytes, str]:
    """Return an envelope's statement, its signature and the key's id.

    None of them is verified. Raises NotAuthentic.
    """
    try:
        value: dict[str, Any] = json.loads(envelope)
        [signature] = value["signatures"]
        if value["payloadType"] != PAYLOAD:
            raise _unread(where)
        payload, signed = (base64.b64decode(text, validate=True) for text in (value["payload"], signature["sig"]))
        return payload, signed, str(signature["keyid"])
    except (ValueError, TypeError, KeyError) as reason:
        raise _unread(where) from reason


def _file(workflow: str) -> str:
    return workflow.partition("@")[0]


def _unread(where: str) -> NotAuthentic:
    return NotAuthentic(f"{where} is not provenance as tagship writes it.", remedy="Find out who put it there")
