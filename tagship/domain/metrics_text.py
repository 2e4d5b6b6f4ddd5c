"""Metrics as people read them, and as OpenMetrics text. Pure.

https://prometheus.io/docs/specs/om/open_metrics_spec/: a family's lines stand together, a unit is the name's end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tagship.domain.metrics import Metrics, Spread
from tagship.domain.text import counted, moment, size, span

Labels = dict[str, str]
Sample = tuple[Labels, float]


def plain(figures: Sequence[Metrics]) -> str:
    """Write figures as lines, one environment below the other."""
    return "\n".join("\n".join(_lines(metrics)) for metrics in figures) + "\n"


def _lines(metrics: Metrics) -> Iterator[str]:
    yield f"{metrics.environment}, {moment(metrics.since)} to {moment(metrics.until)} UTC"
    if not metrics.changes and not metrics.rollbacks:
        yield "  no deployment has ended"
        return
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in metrics.outcomes.items() if count)
    yield _line("deployments", f"{metrics.changes} ({outcomes})" if outcomes else "0")
    if metrics.abandoned:
        yield _line("abandoned", f"{metrics.abandoned}, not counted")
    yield _line("success rate", _percent(metrics.success_rate))
    yield _line("rollbacks", f"{metrics.rollbacks} ({_percent(metrics.rollback_rate)} of deployments)")
    yield _line("duration", _spread(metrics.duration, span))
    for phase, spread in metrics.phases.items():
        yield _line(f"  {phase}", _spread(spread, span))
    yield _line("health attempts", _spread(metrics.health_attempts, lambda count: f"{count:.0f}"))
    yield _line("artifact size", _spread(metrics.size, size))
    yield "  DORA"
    yield _line("  deployment frequency", f"{metrics.deployments_a_day:.2f} a day")
    yield _line("  lead time, from commit", _spread(metrics.lead_time, span))
    yield _line("  change failure rate", _percent(metrics.change_failure_rate))
    yield _line("  recovery time", _spread(metrics.recovery_time, span))


def _line(name: str, value: str) -> str:
    return f"  {name:<26}{value}"


def _percent(share: float | None) -> str:
    return "none to count" if share is None else f"{share:.0%}"


def _spread(spread: Spread, words: Callable[[float], str]) -> str:
    if not spread.count:
        return "not known"
    return f"p50 {words(spread.p50)}, p95 {words(spread.p95)} ({counted(spread.count, 'value')})"


# -- OpenMetrics -------------------------------------------------------------------------------------------------------


def openmetrics(figures: Sequence[Metrics]) -> str:
    """Write figures as OpenMetrics text, gauges of the period."""
    lines = [line for family in _FAMILIES for line in _family(*family, figures)]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _family(
    name: str, unit: str, about: str, read: Callable[[Metrics], list[Sample]], figures: Sequence[Metrics]
) -> list[str]:
    full = f"tagship_{name}{'_' + unit if unit else ''}"
    head = [f"# TYPE {full} gauge", *([f"# UNIT {full} {unit}"] if unit else []), f"# HELP {full} {about}"]
    samples = [
        f"{full}{{{_labels({'environment': metrics.environment, **labels})}}} {value:g}"
        for metrics in figures
        for labels, value in read(metrics)
    ]
    return head + samples if samples else []


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _quantiles(spread: Spread, **labels: str) -> list[Sample]:
    if not spread.count:
        return []
    return [({**labels, "quantile": "0.5"}, spread.p50), ({**labels, "quantile": "0.95"}, spread.p95)]


def _rate(share: float | None) -> list[Sample]:
    return [] if share is None else [({}, share)]


_FAMILIES: tuple[tuple[str, str, str, Callable[[Metrics], list[Sample]]], ...] = (
    (
        "changes",
        "",
        "Deployments of another artifact, by outcome.",
        lambda m: [({"outcome": o}, n) for o, n in m.outcomes.items()],
    ),
    ("rollbacks", "", "Rollbacks that serve.", lambda m: [({}, m.rollbacks)]),
    ("success", "ratio", "Changes that were healthy.", lambda m: _rate(m.success_rate)),
    ("duration", "seconds", "From the request to the end of a change.", lambda m: _quantiles(m.duration)),
    (
        "phase",
        "seconds",
        "Phases of units.",
        lambda m: [s for p, v in m.phases.items() for s in _quantiles(v, phase=p)],
    ),
    ("health_attempts", "", "Health checks that a unit took.", lambda m: _quantiles(m.health_attempts)),
    ("artifact", "bytes", "What a change brought.", lambda m: _quantiles(m.size)),
    ("deployments_per_day", "", "DORA: healthy changes a day.", lambda m: [({}, m.deployments_a_day)]),
    ("lead_time", "seconds", "DORA: from the commit to healthy.", lambda m: _quantiles(m.lead_time)),
    (
        "change_failure",
        "ratio",
        "DORA: changes that failed or were rolled back from.",
        lambda m: _rate(m.change_failure_rate),
    ),
    ("recovery", "seconds", "DORA: from a failure until something served.", lambda m: _quantiles(m.recovery_time)),
)
