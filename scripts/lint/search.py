"""The search of the built site in a real browser: `python -m scripts.lint.search site` (`nox -s docs`).

Chromium types what a reader would, and has to find the page that answers it among the first results; Enter
opens the first. Nothing may be asked of another host. It is served: a browser starts no worker of a page from a disk,
and so has no search there.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.lint.page import browser

FIRST = 5  # results among which the answer has to be
ASKED = {  # what somebody types: where the answer is
    "ec2.port": "reference/keys/environments.name.ec2.port.html",
    "max_errors": "reference/keys/environments.name.ec2.rollout.max_errors.html",
    "TAGSHIP_AWS_REGION": "reference/keys/aws.region.html",
    "require_rollback": "reference/keys/environments.name.require_rollback.html",
    "inv rollback": "reference/verbs/rollback.html",
    "drill": "reference/verbs/drill.html",
    "runbook": "runbook.html",
    "copilot": "coming-from.html",
    "exit codes": "reference/exit-codes.html",
}
TITLE = "environments.<name>.ec2.port"  # of the page that answers the first
NOTHING = "zzyzxqwerty"  # is on no page


def problems(folder: Path, pictures: Path) -> list[str]:
    """What the search of a built site does not find, and what it does beside that."""
    from playwright.sync_api import sync_playwright

    found: list[str] = []
    with _served(folder) as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.on("request", lambda request: None if request.url.startswith(address) else found.append(request.url))
        page.on("pageerror", lambda error: found.append(str(error)))
        for words, wanted in ASKED.items():
            results = _results(page, address, words)
            if not any(result.startswith(f"{address}/{wanted}") for result in results[:FIRST]):
                found.append(f"{words!r} does not find {wanted}, but {results[:FIRST]}")
        page.screenshot(path=pictures / "search.png")
        if results := _results(page, address, NOTHING):
            found.append(f"{NOTHING!r} finds {results[:FIRST]}")
        if not found and (title := _opened(page, address)) != TITLE:
            found.append(f"Enter opens {title!r}")
        chromium.close()
    return found


def _results(page: Any, address: str, words: str) -> list[str]:
    """Type words into the search of the first page; the addresses that it shows, the best first."""
    page.goto(f"{address}/index.html")
    page.locator(".md-search__button").click()
    dialog = page.get_by_role("dialog", name="Search", include_hidden=True)
    dialog.locator("input").fill(words)
    dialog.get_by_text(re.compile(r"^(No results|\d+ results?)$")).wait_for()
    return [str(link.evaluate("link => link.href")) for link in dialog.locator("a[role=option]").all()]


def _opened(page: Any, address: str) -> str:
    """Press Enter on the first result, as somebody does who looks a key up; the page that opens."""
    words, wanted = next(iter(ASKED.items()))
    _results(page, address, words)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(re.escape(f"{address}/{wanted}")))
    return str(page.get_by_role("heading", level=1).inner_text())


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of what is asked."""


def main() -> int:
    """Search the site in a folder. Exit 1 if something is not found."""
    folder = Path(sys.argv[1])
    lines = problems(folder, folder)
    print("\n".join(lines) or f"{len(ASKED)} searches find what they are for: {folder}/search.png")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
