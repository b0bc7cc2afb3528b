"""What is exported, as files: one for each rule, connector and watch, and two for Prometheus. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
import yaml

from ...monitors import Monitors
from . import kibana, prometheus, promtests, shapes, watch_shapes, watcher
from .conditions import conditions

RUNBOOKS = "https://github.com/driftline/driftline/blob/main/docs/runbooks"
"""Where the runbooks are, unless told otherwise."""
_HEAD = "# Made by `driftline alerts export --prometheus` from monitors.yml: change that, and export again.\n"

Bodies = dict[str, dict[str, Any]]


class System(StrEnum):
    """For whom things are exported."""

    KIBANA = "kibana"
    WATCHER = "watcher"
    PROMETHEUS = "prometheus"


@dataclass(frozen=True, slots=True)
class Exported:
    """Bodies of requests by the id that they are for, each checked.

    Attributes:
        connectors: Connectors of Kibana.
        rules: Rules of Kibana, which act by these.
        watches: Watches.
    """

    connectors: Bodies
    rules: Bodies
    watches: Bodies


def export(monitors: Monitors, runbooks: str = RUNBOOKS) -> Exported:
    """What a monitors.yml makes for Kibana and Watcher.

    Raises:
        ConfigError: Something would be refused.
    """
    streams, found = monitors.streams, conditions(monitors)
    made = Exported(
        connectors=kibana.connectors(streams),
        rules={one.id: kibana.rule(one, streams, runbooks) for one in found},
        watches={one.id: watcher.watch(one, streams, runbooks) for one in found},
    )
    for bodies, check in (
        (made.connectors, shapes.check_connector),
        (made.rules, shapes.check_rule),
        (made.watches, watch_shapes.check_watch),
    ):
        for identity, body in bodies.items():
            check(identity, body)
    shapes.check_references(made.rules, made.connectors)
    return made


def files(monitors: Monitors, systems: tuple[System, ...], runbooks: str = RUNBOOKS) -> dict[str, str]:
    """The texts of the files for these systems, by their path.

    Raises:
        ConfigError: Something would be refused.
    """
    made = export(monitors, runbooks)
    found: dict[str, str] = {}
    if System.KIBANA in systems:
        found |= _as_json("connectors", made.connectors) | _as_json("rules", made.rules)
    if System.WATCHER in systems:
        found |= _as_json("watches", made.watches)
    if System.PROMETHEUS in systems:
        name = f"driftline-{monitors.streams.namespace}"
        rules, tests = f"{name}.rules.yml", f"{name}.test.yml"
        found[f"prometheus/{rules}"] = _as_yaml(prometheus.rules(monitors, runbooks))
        found[f"prometheus/{tests}"] = _as_yaml(promtests.tests(monitors, rules, runbooks))
    return found


def _as_json(folder: str, bodies: Bodies) -> dict[str, str]:
    return {
        f"{folder}/{identity}.json": orjson.dumps(body, option=orjson.OPT_INDENT_2).decode() + "\n"
        for identity, body in bodies.items()
    }


def _as_yaml(content: Mapping[str, Any]) -> str:
    return _HEAD + yaml.dump(content, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Without anchors, which people do not read."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True
