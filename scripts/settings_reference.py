"""The reference of tagship.toml: every key in one page, and a page a key.

What a key is for is the sample's comment beside it (tests/unit/test_settings.py holds the sample to the model). What it
takes, and its default, are the schema's.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KEY = re.compile(r"^(?P<key>[\w.-]+) = (?P<rest>.*)$", re.DOTALL)
GUIDE = re.compile(r"\bdocs/([\w-]+\.md)\b")
ANY = "<name>"  # in a path: a name that its user chooses
TITLE = "at the top"
TEMPLATE = ["previews", "environment"]  # what an environment has, with {n} in its texts: the schema takes anything

COUNTED = ("integer", "number", "object")  # kinds of which there is one, or several

Schema = Mapping[str, Any]


@dataclass
class Key:
    """A key of the sample: its table there, the value as it is written, and what it is for."""

    table: str
    name: str
    value: str
    about: str
    path: str = ""  # of the model: environments.<name>.ec2.port
    schema: Schema = field(default_factory=dict)

    @property
    def file(self) -> str:
        return f"keys/{self.path.replace(ANY, 'name')}.md"


@dataclass
class Table:
    """A table of the sample, what is said above it, and its keys."""

    name: str
    about: str
    keys: list[Key] = field(default_factory=list)


def pages(sample: str, schema: Schema, head: str) -> dict[str, str]:
    """The page of all keys, and a page of each, by their paths below docs/reference."""
    tables = [*_tables(sample)]
    for table in tables:
        for key in table.keys:
            key.path, key.schema = _found(schema, [*_parts(table.name), *key.name.split(".")])
    of_keys: dict[str, str] = {}
    for table in tables:
        for key in table.keys:
            of_keys.setdefault(key.file, head + _page(key, table, schema))
    return {"settings.md": head + _all(tables), **of_keys}


# -- the sample --------------------------------------------------------------------------------------------------------


def _tables(sample: str) -> Iterator[Table]:
    """Each table, in the sample's order. A comment right below a key goes on about that key."""
    table, comments, lines = Table("", ""), list[str](), iter(sample.splitlines())
    above: Key | None = None  # the key of the line before
    for line in lines:
        words = line.strip().removeprefix("#").strip()
        if line.startswith("["):
            if table.about or table.keys:
                yield table
            heading, _, comment = line.partition("#")
            about = " ".join(_sentence(part) for part in (" ".join(comments), comment.strip()) if part)
            table, comments, above = Table(heading.strip().strip("[]"), about), [], None
        elif match := KEY.match(line):
            above = _key(table.name, match["key"], _whole(match["rest"], lines))
            table.keys.append(above)
        elif not line:
            if not table.name and not table.keys:
                table.about, comments = _paragraphs(comments), []
            above = None
        elif above:
            above.about += _more(words)
        else:
            comments.append(words)
    yield table


def _more(words: str) -> str:
    """What a comment goes on with; a key that is commented out stands there for another way."""
    if other := KEY.match(words):
        value, comment = _split(other["rest"])
        return f"; or `{other['key']} = {value}`: {comment}"
    return f" {words}"


def _paragraphs(comments: Sequence[str]) -> str:
    """Lines of comments as paragraphs, which an empty one parts."""
    return "\n\n".join(text.replace("\n", " ") for text in "\n".join(comments).split("\n\n"))


def _key(table: str, name: str, rest: str) -> Key:
    value, comment = _split(rest)
    return Key(table, name, value, comment)


def _whole(rest: str, lines: Iterator[str]) -> str:
    """A value of several lines, with all of them."""
    while not _is_toml(rest) and not any(_is_toml(rest[: match.start()]) for match in re.finditer("#", rest)):
        rest += f"\n{next(lines)}"
    return rest


def _is_toml(value: str) -> bool:
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return False
    return True


def _split(rest: str) -> tuple[str, str]:
    """Part a value from its comment: the shortest beginning that is TOML, or what the first line of several says."""
    for place in [match.start() for match in re.finditer("#", rest)] + [len(rest)]:
        if "\n" not in rest[:place] and _is_toml(rest[:place]):
            return rest[:place].strip(), rest[place + 1 :].strip()
    first, _, more = rest.partition("\n")
    value, _, comment = first.partition("#")
    return f"{value.strip()}\n{more}", comment.strip()


# -- the schema --------------------------------------------------------------------------------------------------------


def _parts(table: str) -> list[str]:
    return table.split(".") if table else []


def _found(schema: Schema, parts: Sequence[str]) -> tuple[str, Schema]:
    """The path of a key in the model, and its schema. Raises KeyError for a key that the model lacks."""
    path, at = list[str](), schema
    for part in parts:
        at = schema["definitions"]["Environment"] if path == TEMPLATE else _resolved(schema, at)
        named = next(iter(at.get("patternProperties", {}).values()), at.get("additionalProperties"))
        if part in at.get("properties", {}):
            at = at["properties"][part]
            path.append(part)
        elif isinstance(named, dict):
            at = named
            path.append(ANY)
        else:
            raise KeyError(".".join(parts))
    return ".".join(path), at


def _resolved(schema: Schema, at: Schema) -> Schema:
    if "$ref" in at:
        return {**schema["definitions"][at["$ref"].rpartition("/")[2]], **{k: v for k, v in at.items() if k != "$ref"}}
    return at


def takes(schema: Schema, at: Schema, *, many: bool = False) -> str:
    """What a key takes, in words: `a whole number from 1 to 65535`."""
    at = _resolved(schema, at)
    choices = at.get("anyOf") or [{**at, "type": kind} for kind in at.get("type", "") if isinstance(at["type"], list)]
    if choices:
        return ", or ".join(takes(schema, choice) for choice in choices)
    if values := at.get("enum", [at["const"]] if "const" in at else []):
        return " or ".join(f"`{json.dumps(value)}`" for value in values)
    kind = at.get("type", "")
    if kind == "array":
        return f"a list of {takes(schema, at.get('items', {}), many=True)}"
    nouns = {"integer": "whole number", "number": "number", "object": "table", "boolean": "`true` or `false`"}
    noun = nouns.get(kind, "text")
    counted = noun if kind not in COUNTED else f"{noun}s" if many else f"a {noun}"
    return counted + (_bounds(at) if noun.endswith("number") else "")


def _bounds(at: Schema) -> str:
    low, high = at.get("minimum", at.get("exclusiveMinimum")), at.get("maximum", at.get("exclusiveMaximum"))
    over = f" from {low}" if "minimum" in at else f" above {low}" if low is not None else ""
    under = f" to {high}" if "maximum" in at else f" below {high}" if high is not None else ""
    return over + under


# -- the pages ---------------------------------------------------------------------------------------------------------


def _all(tables: Sequence[Table]) -> str:
    about = (
        "Every key, with the value that the sample has: its default, unless the key is needed. A key's own page says "
        "what it takes. The sample itself: [tagship.sample.toml](../tagship.sample.toml)."
    )
    return f"# Every key of tagship.toml\n\n{about}\n" + "".join(_section(table) for table in tables)


def _section(table: Table) -> str:
    rows = "\n".join(
        f"| [`{key.name}`]({key.file}) | {_code(_one_line(key.value))} | {_linked(key.about, '../')} |"
        for key in table.keys
    )
    about = f"\n{_linked(table.about, '../')}\n" if table.about else ""
    header = "\n| key | value | what it is for |\n|---|---|---|\n"
    return f"\n## {table.name or TITLE}\n{about}" + (f"{header}{rows}\n" if rows else "")


def _page(key: Key, table: Table, schema: Schema) -> str:
    at = _resolved(schema, key.schema)
    default = "none: it is needed" if "(needed)" in key.about else _default(at)
    rows = {"takes": takes(schema, key.schema), "default": default, "variable": f"`{_variable(key.path)}`"}
    facts = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    about = _sentence(_linked(key.about, "../../"))
    context = f"\nOf its table: {_linked(table.about, '../../')}\n" if table.about and table.name else ""
    return (
        f"# {_cell(key.path)}\n\n{about}\n\n| | |\n|---|---|\n{facts}\n\n"
        f"As the sample has it:\n\n```toml\n{_example(key)}\n```\n{context}\n{_beside(key, table)}"
        "All keys: [settings](../settings.md). A flag wins over the variable, the variable over the file.\n"
    )


def _sentence(text: str) -> str:
    """A comment as a sentence: a capital at its beginning, and a full stop."""
    text = re.sub(r"^(true|false):", r"`\1`:", text)
    ends = text.endswith(".") and not text.endswith(".md.")
    return f"{text[:1].upper()}{text[1:]}{'' if ends else '.'}"


def _default(at: Schema) -> str:
    if "default" not in at:
        return "none"
    return f"`{json.dumps(at['default'], ensure_ascii=False)}`"


def _variable(path: str) -> str:
    return "TAGSHIP_" + path.replace(ANY, "<NAME>").upper().replace(".", "_").replace("-", "_")


def _example(key: Key) -> str:
    heading = f"[{key.table}]\n" if key.table else ""
    return f"{heading}{key.name} = {key.value}"


def _beside(key: Key, table: Table) -> str:
    others = [other for other in table.keys if other is not key]
    links = ", ".join(f"[`{other.name}`]({other.file.removeprefix('keys/')})" for other in others)
    return f"Beside it: {links}.\n\n" if links else ""


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _linked(text: str, up: str) -> str:
    return GUIDE.sub(rf"[docs/\1]({up}\1)", _cell(text))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _code(value: str) -> str:
    return f"`{value}`".replace("|", "\\|")
