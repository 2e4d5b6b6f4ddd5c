"""What a Terraform plan would do, by names alone: no value of a plan, sensitive or not, is taken out of it.

Read from `terraform show -json <plan>` (format 1.x, "Plan Representation" of Terraform's JSON output format). A value
that is not marked as sensitive may be a secret all the same; so addresses, actions and the names of attributes are all
that leaves this module. Terraform itself refuses a sensitive value as a key of `for_each`, which an address shows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from tagship.domain import markdown
from tagship.domain.preview_comment import address as link

ROWS = 60  # of a table: GitHub takes 65,536 characters of a comment
MOST = 12  # attributes of a row
LONGEST = 160  # characters of an address: keys of for_each may be of any length
WORDS = {
    "create": "add",
    "update": "change",
    "replace": "replace",
    "delete": "destroy",
    "forget": "forget",
    "import": "import",
    "move": "move",
}
"""Each action and its word, in the order in which they are counted."""


class UnreadablePlan(ValueError):
    """What Terraform showed is no plan of a format that is known."""


@dataclass(frozen=True)
class PlannedChange:
    """What becomes of one resource.

    `action` is a key of WORDS; `attributes` are the names of the attributes that change, at the top level.
    """

    address: str
    type: str
    action: str
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanSummary:
    """A plan without its values.

    `outside`: resources that were changed by others since the last apply; `outputs`: those that get another value.
    """

    changes: tuple[PlannedChange, ...] = ()
    outside: tuple[PlannedChange, ...] = ()
    outputs: tuple[str, ...] = ()

    def as_data(self) -> dict[str, object]:
        return asdict(self)

    @property
    def sentence(self) -> str:
        """Count what changes: 2 to add, 1 to destroy."""
        counted = Counter(change.action for change in self.changes)
        parts = [f"{counted[action]} to {word}" for action, word in WORDS.items() if counted[action]]
        if self.outputs:
            parts.append(f"{len(self.outputs)} output{'s' if len(self.outputs) > 1 else ''} to change")
        return ", ".join(parts) or "nothing to change"

    @property
    def lines(self) -> list[str]:
        """List each change in a line of its own, and the count."""
        rows = [f"  {WORDS[change.action]:>7} {_cut(change.address)}" for change in self.changes]
        return [*rows, self.sentence]


def read_plan(text: str) -> PlanSummary:
    """Read what `terraform show -json` wrote. Raises UnreadablePlan."""
    try:
        plan = json.loads(text)
        if not str(plan["format_version"]).startswith("1."):
            raise UnreadablePlan(f"format {plan['format_version']}")
        outputs = plan.get("output_changes") or {}
        return PlanSummary(
            tuple(_changes(plan.get("resource_changes") or ())),
            tuple(_changes(plan.get("resource_drift") or ())),
            tuple(sorted(name for name, change in outputs.items() if change["actions"] != ["no-op"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as reason:
        raise UnreadablePlan(str(reason) or "no plan") from reason


def _changes(rows: Sequence[Mapping[str, Any]]) -> Iterator[PlannedChange]:
    for row in rows:
        action = _action(row)
        if row.get("mode", "managed") == "managed" and action:
            attributes = tuple(_attributes(row["change"])) if action in {"update", "replace"} else ()
            yield PlannedChange(str(row["address"]), str(row["type"]), action, attributes)


def _action(row: Mapping[str, Any]) -> str:
    """Name what happens; empty for nothing."""
    actions = row["change"]["actions"]
    if len(actions) > 1:
        return "replace"
    if actions[0] in {"create", "update", "delete", "forget"}:
        return str(actions[0])
    if actions[0] not in {"no-op", "read"}:
        raise UnreadablePlan(f"action {actions[0]}")
    if "importing" in row["change"]:
        return "import"
    return "move" if row.get("previous_address") else ""


def _attributes(change: Mapping[str, Any]) -> Iterator[str]:
    """Name the attributes that change, or may change."""
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    for name in sorted({*before, *after, *unknown}):
        if before.get(name) != after.get(name) or _is_unknown(unknown.get(name)):
            yield name


def _is_unknown(mark: Any) -> bool:
    """Tell whether some of a value is known after the apply only."""
    if isinstance(mark, Mapping):
        return any(map(_is_unknown, mark.values()))
    return any(map(_is_unknown, mark)) if isinstance(mark, list) else mark is True


@dataclass(frozen=True)
class PlanComment:
    """What a pull request's comment says of a plan.

    There is one an environment, changed with each push. Of each list the first ROWS; `counts` are of them all.
    """

    environment: str
    artifact: str
    commit: str
    sentence: str
    changes: Sequence[PlannedChange] = ()
    outside: Sequence[PlannedChange] = ()
    outputs: Sequence[str] = ()
    warnings: Sequence[str] = ()
    counts: Sequence[int] = (0, 0, 0)

    @classmethod
    def of(cls, environment: str, artifact: str, commit: str, summary: PlanSummary, warnings: Sequence[str]) -> Self:
        """Take the beginning of a summary."""
        lists = (summary.changes, summary.outside, summary.outputs)
        return cls(
            environment,
            artifact,
            commit,
            summary.sentence,
            tuple(map(_shortened, summary.changes[:ROWS])),
            tuple(map(_shortened, summary.outside[:ROWS])),
            tuple(map(_cut, summary.outputs[:ROWS])),
            tuple(warnings[:ROWS]),
            tuple(map(len, lists)),
        )

    def to_json(self) -> str:
        """Write it for the job that writes to the pull request."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what another job wrote. Raises UnreadablePlan."""
        try:
            value = json.loads(text)
            names = ("environment", "artifact", "commit", "sentence")
            environment, artifact, commit, sentence = (str(value[name]) for name in names)
            changes, outside = ([_read(row) for row in value[name]] for name in ("changes", "outside"))
            outputs, warnings = ([str(word) for word in value[name]] for name in ("outputs", "warnings"))
            counts = [int(count) for count in value["counts"]]
            if len(counts) != len(cls.counts):
                raise UnreadablePlan("its counts")
            return cls(environment, artifact, commit, sentence, changes, outside, outputs, warnings, counts)
        except (ValueError, KeyError, TypeError) as reason:
            raise UnreadablePlan(str(reason)) from reason

    def mark(self, app: str) -> str:
        """Write the mark by which the comment is known again."""
        return f"<!-- tagship infra {app}/{self.environment} -->"

    def body(self, app: str, run_url: str) -> str:
        """Write the comment, in GitHub's Markdown."""
        return "\n".join([self.mark(app), *self.lines(run_url)])

    def lines(self, run_url: str) -> list[str]:
        """Write what a run's summary has, too."""
        facts = [("for", self.artifact or "no version"), ("commit", self.commit)]
        return [
            *markdown.heading(f"infra of {self.environment}: {self.sentence}"),
            *markdown.table(("", ""), [(name, words) for name, words in facts if words]),
            *_table(self.changes, ("what", "resource", "attributes"), self.counts[0]),
            *(["Changed outside of Terraform since its last apply:", ""] if self.outside else []),
            *_table(self.outside, ("how", "resource", "attributes"), self.counts[1]),
            *markdown.table(("outputs that change",), [[name] for name in self.outputs[:ROWS]]),
            *_left_out(self.counts[2]),
            *(line for words in self.warnings for line in markdown.paragraph(words)),
            "Values are not shown: see the run's log, in which Terraform hides what is sensitive.",
            "",
            *([f"Run: {link(run_url)}", ""] if run_url else []),
        ]


def _read(row: Mapping[str, Any]) -> PlannedChange:
    if row["action"] not in WORDS:
        raise UnreadablePlan(f"action {row['action']}")
    attributes = tuple(map(str, row["attributes"]))
    return _shortened(PlannedChange(str(row["address"]), str(row["type"]), row["action"], attributes))


def _shortened(change: PlannedChange) -> PlannedChange:
    attributes = tuple(map(_cut, change.attributes[:MOST]))
    return replace(change, address=_cut(change.address), attributes=attributes)


def _table(changes: Sequence[PlannedChange], columns: Sequence[str], count: int) -> list[str]:
    rows = [(WORDS[change.action], change.address, ", ".join(change.attributes)) for change in changes[:ROWS]]
    return [*markdown.table(columns, rows), *_left_out(count)]


def _left_out(count: int) -> list[str]:
    return markdown.paragraph(f"and {count - ROWS} more, in the run's log") if count > ROWS else []


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
