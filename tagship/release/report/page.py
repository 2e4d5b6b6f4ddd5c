"""The HTML of a report: one file, no script, nothing from elsewhere, and every foreign word escaped by the template."""

from __future__ import annotations

import base64
import hashlib

from tagship import resources
from tagship.domain.text import moment, size, span, visible
from tagship.release.report import charts
from tagship.release.report.facts import ReportFacts

TEMPLATE, STYLE = "report.html.j2", "report.css"


def page(facts: ReportFacts) -> str:
    """Write the page."""
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    style = resources.template(STYLE)
    environment = Environment(
        loader=DictLoader({TEMPLATE: resources.template(TEMPLATE)}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"moment": moment, "span": span, "size": size, "visible": visible, "percent": _percent}
    return environment.get_template(TEMPLATE).render(
        facts=facts,
        style=Markup(style),  # noqa: S704 (ours)
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        since=moment(facts.since.isoformat()),
        made=moment(facts.made.isoformat()),
        timeline=Markup(charts.timeline(facts.deployments)),  # noqa: S704 (leather escapes what it writes)
        sizes=Markup(charts.sizes(facts.stored)),  # noqa: S704 (as above)
        dora={name: (charts.caption(name, facts.figures), _drawn(name, facts)) for name in charts.DORA},
    )


def _drawn(name: str, facts: ReportFacts) -> str:
    from markupsafe import Markup

    return Markup(charts.dora(name, facts.figures))  # noqa: S704 (leather escapes what it writes)


def _percent(share: float | None) -> str:
    return "none to count" if share is None else f"{share:.0%}"
