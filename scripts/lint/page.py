"""The page of `inv report` in a real browser: `python -m scripts.lint.page FOLDER` (`nox -s page`).

Chromium shows it at three widths, light and dark, and as it is printed. axe must find nothing serious; nothing may be
asked of a network, fail, run, or stick out sideways. The pictures are left in FOLDER, for somebody to look at.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS, SCHEMES = (360, 800, 1600), ("light", "dark")
GRAVE = {"serious", "critical"}


def browser() -> str:
    """The program of a browser that is here; empty without one."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), "")


def problems(folder: Path, file: Path) -> list[str]:
    """What is wrong with a page in a browser, at each width and in each scheme."""
    from playwright.sync_api import sync_playwright

    found: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        for width in WIDTHS:
            for scheme in SCHEMES:
                found += _looked(chromium, folder, file, width, scheme)
        chromium.close()
    return found


def _looked(chromium: Any, folder: Path, file: Path, width: int, scheme: str) -> list[str]:
    """Look once as it is delivered, and once more with axe, for which the page's own policy is set aside."""
    where, found = f"{width} px, {scheme}", list[str]()
    given = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = chromium.new_page(**given)
    page.on("request", lambda request: found.append(f"{where}: asks for {request.url}") if _foreign(request) else None)
    page.on("console", lambda message: found.append(f"{where}: {message.text}"))
    page.goto(file.resolve().as_uri())
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append(f"{where}: sticks out sideways")
    page.screenshot(path=folder / f"report-{width}-{scheme}.png", full_page=True)
    if (width, scheme) == (800, "light"):
        page.pdf(path=folder / "report.pdf", format="A4")
    page.close()
    return found + [f"{where}: {line}" for line in _axe(chromium, file, given)]


def _foreign(request: Any) -> bool:
    return not request.url.startswith("file:")


def _axe(chromium: Any, file: Path, given: dict[str, Any]) -> list[str]:
    page = chromium.new_page(**given, bypass_csp=True)
    page.goto(file.resolve().as_uri())
    page.add_script_tag(path=AXE)
    result = page.evaluate("axe.run({resultTypes: ['violations']})")
    page.close()
    return [
        f"axe: {row['id']} ({row['impact']}): {row['help']}: {node['html'][:100]}"
        for row in result["violations"]
        if row["impact"] in GRAVE
        for node in row["nodes"][:3]
    ]


def main() -> int:
    """Look at the sample's page. Exit 1 if something is wrong with it."""
    from tests.report_sample import write

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "report.html")
    lines = problems(folder, folder / "report.html")
    print("\n".join(lines) or f"{len(WIDTHS) * len(SCHEMES)} looks, and axe finds nothing serious: {folder}")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
