"""The charts of a report, as SVG without a script; colours and fonts are the page's."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from tagship.domain.deployment import FAILED, SERVES, Deployment
from tagship.domain.metrics import Metrics, Spread

WIDTH, HEIGHT = 340, 200  # the picture's own units: a page scales it
MEGABYTE = 1_000_000
SCALES = ((172_800, 86_400, "days"), (7200, 3600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))  # from how many
MOST = 400  # dots of a chart, the latest

Value = Callable[[Metrics], float | None]
DORA: Mapping[str, tuple[str, Value]] = {
    "Deployment frequency": ("healthy deployments a day", lambda figures: figures.deployments_a_day),
    "Lead time": ("{scale} from commit to healthy, median", lambda figures: _median(figures.lead_time)),
    "Change failure rate": ("percent of deployments", lambda figures: _percent(figures.change_failure_rate)),
    "Recovery time": ("{scale} until something served, median", lambda figures: _median(figures.recovery_time)),
}


def _median(spread: Spread) -> float | None:
    return spread.p50 if spread.count else None


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def dora(name: str, figures: Sequence[Metrics]) -> str:
    """Draw one of DORA's keys, a bar an environment.

    One where nothing was counted has none: a bar of 0 would be a figure.
    """
    value, (seconds, _) = DORA[name][1], _scale(name, figures)
    values = [(metrics.environment, value(metrics)) for metrics in figures]
    bars = [(environment, round(figure / seconds, 3)) for environment, figure in values if figure is not None]
    return _bars(bars, f"{name}: {caption(name, figures)}")


def caption(name: str, figures: Sequence[Metrics]) -> str:
    """Say what a chart of DORA's keys counts, and in what unit."""
    return DORA[name][0].format(scale=_scale(name, figures)[1])


def _scale(name: str, figures: Sequence[Metrics]) -> tuple[int, str]:
    """Choose the unit that suits the longest time, 1 without times."""
    unit, value = DORA[name]
    if "{scale}" not in unit:
        return 1, ""
    longest = max((value(metrics) or 0 for metrics in figures), default=0)
    return next((seconds, word) for least, seconds, word in SCALES if longest >= least)


def sizes(stored: Mapping[str, int]) -> str:
    """Draw the bytes that each environment has stored."""
    return _bars([(name, round(count / MEGABYTE, 3)) for name, count in stored.items()], "Stored, in megabytes")


def timeline(deployments: Sequence[Deployment]) -> str:
    """Draw when deployments began and how long they took; empty without two."""
    from leather import Chart

    latest = [past for past in deployments if past.state in SERVES | FAILED][-MOST:]
    if len({_at(past) for past in latest}) < 2:
        return ""
    chart, fills = Chart(), ["served" if past.state in SERVES else "failed" for past in latest]  # told apart by CSS
    dots = [(_at(past), round(past.seconds, 1)) for past in latest]
    chart.add_dots(dots, fill_color=lambda dot: fills[dot.i])
    return _drawn(chart, "Deployments: when each began, and how many seconds it took")


def _at(past: Deployment) -> datetime:
    return datetime.fromisoformat(past.first.at).replace(tzinfo=None, microsecond=0)


def _bars(bars: Sequence[tuple[str, float]], title: str) -> str:
    from leather import Chart

    if not any(value for _, value in bars):
        return ""
    chart = Chart()
    chart.add_columns(list(bars))
    return _drawn(chart, title)


def _drawn(chart: object, title: str) -> str:
    """Draw a chart that says what it shows; a page scales it."""
    drawn: str = chart.to_svg(width=WIDTH, height=HEIGHT)  # type: ignore[attr-defined]
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}"'
    return re.sub(r'^\s*(<\?xml[^>]*>)?\s*<svg width="\d+" height="\d+"', lambda _: head, drawn, count=1)
