"""report: its numbers are those of `inv metrics`, foreign words are inert, and nothing is loaded from elsewhere.

What only a browser sees (sizes, colours, axe) is in `nox -s page`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tagship.domain.metrics import Metrics, Spread
from tagship.errors import ServiceFailed, UsageError
from tagship.release.report import charts
from tagship.verbs.metrics import metrics
from tagship.verbs.report import report
from tests.fakes.app import FakeApp, settings
from tests.fakes.site import FakeSite
from tests.report_sample import sample


class Page(HTMLParser):
    """What a page holds: tags, attributes, and the values of its figures by environment and name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.values: dict[tuple[str, str], str] = {}
        self.environment = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += given.items()
        self.environment = given.get("data-environment", self.environment)
        if tag == "data":
            self.values[self.environment, given["data-name"]] = given["value"]


@cache
def shown() -> tuple[FakeApp, str]:
    app = sample()
    return app, report(app).text


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every number of the JSON by its dotted name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}".lstrip("."))
    elif not isinstance(value, str):
        yield name, value


def test_its_numbers_are_those_of_metrics() -> None:
    app, html = shown()
    page, compared = Page(html), 0
    for row in metrics(app).as_data():
        for name, value in flat(row):
            spread = name.rpartition(".")[0]
            if dict(flat(row)).get(f"{spread}.count", 1) == 0 or (name.startswith("outcomes") and not value):
                continue  # nothing was counted: the page says so in words
            assert page.values[str(row["environment"]), name] == ("" if value is None else str(value)), name
            compared += 1
    assert compared > 40


def test_foreign_words_are_shown_and_never_obeyed() -> None:
    _, html = shown()
    page = Page(html)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "the sale &lt;b&gt;" in html
    assert not {"script", "b", "iframe", "object", "img", "link", "base", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not set("\x1b\u202e") & set(html)


def test_nothing_is_loaded_from_elsewhere_and_no_script_may_run() -> None:
    _, html = shown()
    page = Page(html)
    [policy] = [value for name, value in page.attributes if name == "content" and "default-src" in value]
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not [name for name, _ in page.attributes if name in {"src", "href", "style", "srcset", "action"}]
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", html)


def test_every_part_is_there_and_a_chart_says_what_it_shows() -> None:
    _, html = shown()
    for part in ("Environments now", "DORA's four keys", "Timeline", "Sizes and storage", "Health of artifacts"):
        assert f">{part}</h2>" in html
    assert html.count("<svg") == html.count('role="img" aria-label="') >= 5
    assert html.count("<details>") == 3


def test_it_goes_where_it_is_sent(tmp_path: Path) -> None:
    app = FakeApp(
        settings=settings(report={"folder": "public", "bucket": "pages", "prefix": "deployments/"}), root=tmp_path
    )
    app.given["report_site"] = site = FakeSite()
    page = report(app)
    assert page.places == [str(tmp_path / "public/index.html"), "s3://pages/deployments/index.html"]
    assert page.text == ""
    assert (tmp_path / "public/index.html").read_bytes() == site.objects["index.html"][0]
    named = report(app, output=str(tmp_path / "own/report.html"))
    assert named.places == [str(tmp_path / "own/report.html")]
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceFailed, match="can't be written"):
        report(app, output=str(tmp_path / "file/report.html"))


def test_an_environment_that_cannot_be_asked_is_named_and_hides_no_figure() -> None:
    app = sample()

    def broken(*_: object) -> None:
        raise ServiceFailed("SSM <is> silent.", remedy="Wait.")

    app.hosts.observe = broken  # type: ignore[method-assign, assignment]
    html = report(app).text
    assert "Not every environment was seen: SSM &lt;is&gt; silent." in html
    assert Page(html).values["dev", "changes"] == Page(shown()[1]).values["dev", "changes"]


def test_an_environment_where_nothing_was_counted_has_no_bar_of_zero() -> None:
    counted = Metrics("dev", "", "", lead_time=Spread(2, 7200.0, 9000.0), change_failure_rate=0.5)
    chart = charts.dora("Lead time", [counted, Metrics("prod", "", "")])
    assert ">dev<" in chart
    assert "Lead time: hours from commit to healthy, median" in chart
    assert ">prod<" not in chart
    assert charts.dora("Change failure rate", [Metrics("prod", "", "")]) == ""


@pytest.mark.parametrize(
    ("seconds", "unit", "drawn"),
    [(4.8, "seconds", "4"), (150, "minutes", "2"), (10_800, "hours", "3"), (864_000, "days", "10")],
)
def test_a_time_is_drawn_in_a_unit_that_can_be_read(seconds: float, unit: str, drawn: str) -> None:
    figures = [
        Metrics("dev", "", "", lead_time=Spread(2, seconds, seconds)),
        Metrics("prod", "", "", lead_time=Spread(1, 1, 1)),
    ]
    assert charts.caption("Lead time", figures) == f"{unit} from commit to healthy, median"
    assert re.search(rf">{drawn}(\.\d+)?<", charts.dora("Lead time", figures))


def test_a_period_without_a_deployment_is_a_page_too() -> None:
    html = report(FakeApp(settings=settings())).text
    assert "No deployment began in this time." in html
    assert "Nothing to draw" in html
    with pytest.raises(UsageError, match="Invalid --since"):
        report(FakeApp(), since="2099-01-01")
