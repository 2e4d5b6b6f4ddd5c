"""How long the package's functions and files are: `python -m tests.unit.house.sizes` prints it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from statistics import median, quantiles

from tests.unit.house.source import TOP, House

MEDIAN, P90, FILE = 6, 16, 300  # lines


@dataclass(frozen=True)
class Sizes:
    """Lines: of each function by its place, from its `def` to its last line; of each file."""

    functions: dict[str, int]
    files: dict[str, int]

    @property
    def median(self) -> float:
        return median(self.functions.values())

    @property
    def p90(self) -> float:
        return quantiles(self.functions.values(), n=10)[-1]

    @property
    def long_files(self) -> dict[str, int]:
        return {file: lines for file, lines in self.files.items() if lines > FILE}


def sizes(house: House) -> Sizes:
    """Measure every file of a house; programs for other machines are no part of it."""
    functions = {
        f"{file}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file, tree in house.trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    files = {file: len((house.top / file).read_text("utf-8").splitlines()) for file in house.trees}
    return Sizes(functions, files)


def main() -> None:
    found = sizes(House(TOP))
    print(f"functions: {len(found.functions)}, median {found.median:.0f} lines, p90 {found.p90:.0f}")
    for place, lines in sorted(found.functions.items(), key=lambda pair: -pair[1])[:5]:
        print(f"  {lines:4} {place}")
    print(f"files over {FILE} lines: {found.long_files or 'none'}")


if __name__ == "__main__":
    main()
