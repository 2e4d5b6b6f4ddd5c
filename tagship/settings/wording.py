"""Write one validation error as a sentence: where, what is wrong, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, get_origin

from tagship.settings.model import Settings
from tagship.settings.section import cut, is_of_names, section_of, sections, shown
from tagship.settings.tables import WORDS
from tagship.settings.variables import Place, tables

# The words of each kind of error; `{…}` is filled from the error's own context.
WANTED = {
    "bool_type": "must be true or false; is {given}",
    "int_type": "must be a whole number; is {given}",
    "float_type": "must be a number; is {given}",
    "string_type": 'must be text in quotes, "…"; is {given}',
    "tuple_type": 'must be a list, ["…"]; is {given}',
    "mapping_type": "must be a table of names and values; is {given}",
    "dict_type": "must be a table of names and values; is {given}",
    "model_type": "must be a table; is {given}",
    "model_attributes_type": "must be a table; is {given}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have {most} characters or fewer",
    "too_short": "must not be empty: add at least one",
    "too_long": "must have {most} entries or fewer",
    "string_pattern_mismatch": "must be {words}; is {given}",
    "literal_error": "must be {expected}; is {given}",
    "finite_number": "must be a number that is not endless; is {given}",
    "less_than": "must be less than {lt}; is {given}",
    "greater_than_equal": "must be {ge} or more; is {given}",
    "less_than_equal": "must be {le} or less; is {given}",
    "missing": "missing; add it",
    "extra_forbidden": "unknown key; {hint}",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one key.

    `variable` is the one that set it; empty if the file did.
    """

    text: str
    variable: str = ""


@dataclass(frozen=True)
class Wording:
    """Words the errors of one model.

    `sources` says which variable set which key.
    """

    model: type[Settings]
    sources: Mapping[Place, str]

    def of_error(self, error: Any) -> Fault:
        """Word one of pydantic's errors."""
        place = tuple(str(part) for part in error["loc"])
        if place[-1] == "[key]":
            words = self._words(error["ctx"].get("pattern", ""))
            return self.of_finding(place[:-1], "the name must " + (f"be {words}" if words else "not be empty"))
        return self.of_finding(place, self._what(error, place))

    def of_finding(self, place: Place, problem: str) -> Fault:
        """Word what is wrong with a key."""
        source = next((self.sources[place[:n]] for n in range(len(place), 0, -1) if place[:n] in self.sources), "")
        key = ".".join(map(cut, place))
        return Fault(f"{source} ({key}): {problem}" if source else f"{key}: {problem}", source)

    def _what(self, error: Any, place: Place) -> str:
        context = dict(error.get("ctx", {}))
        return WANTED[error["type"]].format(
            given=_shown(error["input"]),
            words=self._words(context.get("pattern", "")),
            expected=str(context.get("expected", "")).replace("'", '"'),
            ge=context.get("ge"),
            le=context.get("le"),
            lt=context.get("lt"),
            most=context.get("max_length"),
            hint=self._hint(place) if error["type"] == "extra_forbidden" else "",
        )

    def _words(self, pattern: str) -> str:
        """Describe a pattern's values, in a kind's own words if any."""
        known = {pattern: words for section in sections(self.model) for pattern, words in section.words.items()}
        return {**WORDS, **known}.get(pattern, "")

    def _hint(self, place: Place) -> str:
        """Guess the key that was meant, in this table or any."""
        from difflib import get_close_matches

        siblings = self._siblings(place[:-1])
        if near := get_close_matches(place[-1], siblings, 1, 0.7):
            return f"did you mean {near[0]}?"
        environment = cut(place[1]) if place[0] == "environments" and len(place) > 2 else "<name>"
        anywhere: dict[str, str] = {}
        # Those of its own environment come before the top's.
        for known, _ in sorted(tables(self.model, environment), key=lambda known: known[0][:1] != place[:1]):
            for depth in range(1, len(known) + 1):
                anywhere.setdefault(known[depth - 1], ".".join(known[:depth]))
        if near := get_close_matches(place[-1], list(anywhere), 1, 0.8):
            return f"did you mean {anywhere[near[0]]}?"
        return f"known here: {', '.join(siblings)}"

    def _siblings(self, above: Sequence[str]) -> list[str]:
        """List the known keys and tables of the table at `above`."""
        section: Any = self.model
        keys = iter(above)
        for key in keys:
            field = section.model_fields[key]
            section = section_of(field.annotation)
            if is_of_names(field.annotation) or get_origin(field.annotation) is tuple:
                next(keys)  # a name of the user's, or a number in a list
        return list(section.model_fields)


def _shown(value: Any) -> str:
    """Write a value as the file has it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, (int, float)):
        return str(value)[:60]
    if isinstance(value, (date, time)):
        return "a date or a time"
    return "a table" if isinstance(value, Mapping) else "a list"
