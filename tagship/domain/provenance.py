"""Where an artifact was built: SLSA provenance, https://slsa.dev/spec/v1.0/provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tagship.domain.attestation import PART, Statement, unread

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"


@dataclass(frozen=True)
class Provenance:
    """Which workflow built which parts, of which commit, for which artifact.

    `taken` was built for another artifact: images by repository, other parts by their place.
    `place` is app/environment/artifact id; `workflow` owner/name/.github/workflows/file@ref, empty outside CI.
    """

    subjects: Mapping[str, str]
    commit: str
    place: str
    workflow: str
    run_url: str
    build_time: str
    taken: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name the workflow file, without its ref."""
        return _file(self.workflow)

    def vouches(self, subjects: Mapping[str, str], commit: str, place: str, workflow: str) -> bool:
        """Tell whether it is of these parts and this build.

        The file may have been run at another ref: the commit is the artifact's.
        """
        mine = (self.commit, self.place, self.file)
        return subjects.items() <= self.subjects.items() and mine == (commit, place, _file(workflow))

    def statement(self) -> bytes:
        """Write the in-toto statement, in bytes that never vary."""
        path, _, ref = self.workflow.partition("@")
        source = "/".join(path.split("/")[:2])
        predicate = {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"workflow": {"repository": source, "path": path, "ref": ref}},
                "internalParameters": {"artifact": self.place},
                "resolvedDependencies": [
                    {"uri": f"git+{source}", "digest": {"gitCommit": self.commit}},
                    *(_dependency(name, digest) for name, digest in sorted(self.taken.items())),
                ],
            },
            "runDetails": {
                "builder": {"id": self.workflow},
                "metadata": {"invocationId": self.run_url, "startedOn": self.build_time},
            },
        }
        return Statement(self.subjects, PREDICATE, predicate).to_json()

    @classmethod
    def read(cls, raw: bytes, where: str) -> Self:
        """Read a statement of ours. Raises NotAuthentic."""
        statement = Statement.read(raw, where, PREDICATE)
        predicate: Mapping[str, Any] = statement.predicate
        try:
            built, run = predicate["buildDefinition"], predicate["runDetails"]
            return cls(
                statement.subjects,
                built["resolvedDependencies"][0]["digest"]["gitCommit"],
                built["internalParameters"]["artifact"],
                run["builder"]["id"],
                run["metadata"]["invocationId"],
                run["metadata"]["startedOn"],
                dict(_read(dependency) for dependency in built["resolvedDependencies"][1:]),
            )
        except (TypeError, KeyError, IndexError, ValueError, AttributeError) as reason:
            raise unread(where) from reason


def _dependency(name: str, digest: str) -> dict[str, object]:
    algorithm, _, value = digest.partition(":")
    return {"uri": name if name.startswith(PART) else f"oci://{name}", "digest": {algorithm: value}}


def _read(dependency: Mapping[str, Any]) -> tuple[str, str]:
    [(algorithm, value)] = dependency["digest"].items()
    return dependency["uri"].removeprefix("oci://"), f"{algorithm}:{value}"


def _file(workflow: str) -> str:
    return workflow.partition("@")[0]
