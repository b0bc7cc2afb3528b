"""Unit tests of the Prometheus rules, for `promtool test rules`: what must be silent, and what must not. Pure.

Source: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from ...monitors import Model, Monitors
from ..records import Kind, Severity
from . import gauges
from .conditions import MINUTE
from .kibana import duration
from .prometheus import ANALYSIS_IS_LATE, AlertRule, measures_by_kind, of_analyzer, of_model, windows_are_late

Case = dict[str, Any]
SHORT = 30 * MINUTE
"""How long the series of most cases go on; no window is late by then."""


def tests(monitors: Monitors, rule_file: str, runbooks: str) -> dict[str, Any]:
    """The content of a test file for the rules in `rule_file`."""
    namespace = monitors.streams.namespace
    cases = [*_of_analyzer(of_analyzer(namespace), runbooks)]
    for model in monitors.models:
        cases += _of_model(model, of_model(model, namespace), runbooks)
    return {"rule_files": [rule_file], "evaluation_interval": duration(MINUTE), "tests": cases}


def _of_analyzer(rules: list[AlertRule], runbooks: str) -> Iterator[Case]:
    late, absent = rules
    last = gauges.LAST_SUCCESS.name
    stop = SHORT + ANALYSIS_IS_LATE
    yield _case(
        "the analyzer stops after half an hour",
        [(last, {}, f"0+60x30 1800x{stop // MINUTE}")],
        [_silent(rule, at) for at in (MINUTE, SHORT, stop) for rule in rules]
        + [_silent(absent, stop + 10 * MINUTE), _fires(late, stop + 10 * MINUTE, {}, runbooks)],
    )
    yield _case(
        "nothing is scraped",
        [],
        [_silent(absent, 14 * MINUTE), _silent(late, SHORT), _fires(absent, 16 * MINUTE, {}, runbooks)],
    )


def _of_model(model: Model, rules: list[AlertRule], runbooks: str) -> Iterator[Case]:
    incident, *firing, late = rules
    series = {"model": model.name, "window": model.window.text}
    kinds = measures_by_kind(model.measures)
    alive = [(gauges.WINDOW_END.name, series, "0x30"), (gauges.LAST_SUCCESS.name, {}, "0+60x30")]
    measured = [{**series, "measure": names[0], "version": "1"} for names in kinds.values()]
    yield _case(
        f"{model.name}: what is pending, critical in one window, of larger windows, or worth no call is silent",
        [
            *alive,
            *((gauges.ALARM.name, one, "0x10 1x20") for one in measured),
            *((gauges.STATUS.name, one, "0x10 2x20") for one in measured),
            *((gauges.ALARM.name, {**one, "window": "other"}, "2x30") for one in measured),
            (gauges.INCIDENT_OPEN.name, _incident(model, Severity.PAGE), "0x30"),
            (gauges.INCIDENT_OPEN.name, _incident(model, Severity.DIGEST), "1x30"),
        ],
        [_silent(rule, at) for at in (5 * MINUTE, 20 * MINUTE, SHORT) for rule in rules],
    )
    yield _case(
        f"{model.name}: an incident opens and is over",
        [*alive, *((gauges.INCIDENT_OPEN.name, _incident(model, s), "0x9 1x9 0x10") for s in _CALLING)],
        [
            *(_silent(incident, at) for at in (5 * MINUTE, 11 * MINUTE, 21 * MINUTE, SHORT)),
            _fires(incident, 15 * MINUTE, [_incident(model, severity) for severity in _CALLING], runbooks),
            *(_silent(rule, 15 * MINUTE) for rule in (*firing, late)),
        ],
    )
    for rule, one in zip(firing, measured, strict=True):
        told = {"model": model.name, "measure": one["measure"]}
        name = rule.labels["kind"]
        yield _case(
            f"{model.name}: a series of kind {name} fires in three segments and is over",
            [
                *alive,
                *((gauges.ALARM.name, {**one, "segment_value": part}, "1x4 2x15 0x10") for part in ("a", "b", "c")),
            ],
            [
                *(_silent(rule, at) for at in (4 * MINUTE, 8 * MINUTE, 21 * MINUTE, SHORT)),
                _fires(rule, 12 * MINUTE, [told], runbooks, value="3"),
                *(_silent(other, 12 * MINUTE) for other in (incident, late)),
            ],
        )
    # As if the last window had ended long before the test begins, and had its allowed age half an hour into it.
    ended = (SHORT - windows_are_late(model)).total_seconds()
    yield _case(
        f"{model.name}: windows are late",
        [(gauges.WINDOW_END.name, series, f"{ended:.0f}x60")],
        [
            *(
                _silent(rule, at)
                for at in (5 * MINUTE, 20 * MINUTE, SHORT, SHORT + 5 * MINUTE)
                for rule in (incident, late)
            ),
            _fires(late, SHORT + 10 * MINUTE, [{"model": model.name}], runbooks),
        ],
    )


_CALLING = (Severity.PAGE, Severity.TICKET)


def _incident(model: Model, severity: Severity) -> dict[str, str]:
    return {"model": model.name, "severity": severity.value, "kind": Kind.PERFORMANCE.value}


def _case(
    name: str,
    series: Iterable[tuple[str, Mapping[str, str], str]],
    checks: Iterable[Case],
) -> Case:
    return {
        "name": name,
        "interval": duration(MINUTE),
        "input_series": [{"series": _selector(metric, labels), "values": values} for metric, labels, values in series],
        "alert_rule_test": sorted(checks, key=lambda check: int(check["eval_time"].removesuffix("m"))),
    }


def _selector(metric: str, labels: Mapping[str, str]) -> str:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    return f"{metric}{{{','.join(f'{name}={quoted(value)}' for name, value in labels.items())}}}"


def _silent(rule: AlertRule, at: timedelta) -> Case:
    return {"eval_time": _minutes(at), "alertname": rule.alert, "exp_alerts": []}


def _fires(
    rule: AlertRule,
    at: timedelta,
    series: Iterable[Mapping[str, str]] | Mapping[str, str],
    runbooks: str,
    value: str = "",
) -> Case:
    body = rule.body(runbooks)
    found = [series] if isinstance(series, Mapping) else list(series)
    return {
        "eval_time": _minutes(at),
        "alertname": rule.alert,
        "exp_alerts": [
            {
                "exp_labels": {**labels, **body["labels"]},
                "exp_annotations": {key: _filled(text, labels, value) for key, text in body["annotations"].items()},
            }
            for labels in found
        ],
    }


def _minutes(at: timedelta) -> str:
    return f"{at // MINUTE}m"


def _filled(template: str, labels: Mapping[str, str], value: str) -> str:
    for name, told in labels.items():
        template = template.replace(f"{{{{ $labels.{name} }}}}", told)
    return template.replace("{{ $value }}", value)
