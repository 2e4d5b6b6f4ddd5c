"""report: one page of HTML about environments and deployments, to print or to publish."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tagship.domain.static_set import StaticFile
from tagship.domain.text import size as size_of
from tagship.engine.period import since_when
from tagship.errors import ServiceFailed, UsageError
from tagship.ports.app import App
from tagship.release.report.facts import gathered
from tagship.release.report.page import page
from tagship.settings.report import PAGE

LONG_AGO = "30d"
SOON = "max-age=60"  # seconds that a browser may keep it


@dataclass(frozen=True)
class Page:
    """The page, and where it was written. `text` is printed."""

    places: Sequence[str]
    size: int
    text: str = ""

    def as_data(self) -> dict[str, object]:
        return {"places": list(self.places), "size": self.size}


def report(app: App, *, env: str = "", since: str = LONG_AGO, output: str = "") -> Page:
    """Write the page of one environment, or of all.

    Into `output`, or where the settings' table `report` says; without either it is printed.
    """
    until = app.store.now()
    begin = since_when(since, app.store.now)
    if begin is None or begin >= until:
        raise UsageError(f"Invalid --since {since!r}: nothing is after it.", remedy="Give an age: --since 30d")
    html = page(gathered(app, [env] if env else list(app.settings.environments), begin, until))
    places = [_written(Path(output), html)] if output else list(_published(app, html))
    for place in places:
        app.screen.say(f"{place}: {size_of(len(html.encode()))}")
    return Page(places, len(html.encode()), "" if places else html)


def _published(app: App, html: str) -> Iterator[str]:
    """Write it where the settings say."""
    chosen = app.settings.report
    if chosen.folder:
        yield _written(app.root / chosen.folder / PAGE, html)
    if chosen.bucket:
        body = html.encode()
        file = StaticFile(hashlib.sha256(body).hexdigest(), "text/html; charset=utf-8", SOON)
        app.report_site.put(PAGE, body, file)
        yield f"s3://{chosen.page}"


def _written(path: Path, html: str) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, "utf-8")
    except OSError as reason:
        problem = f"{path} can't be written: {reason.strerror}."
        raise ServiceFailed(problem, remedy="Name another file: --output report.html") from reason
    return str(path)
