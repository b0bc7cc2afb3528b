"""What is wrong with Grafana's dashboards, by themselves and with the data that is there."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import graphing
import yaml
from graphing import Ask, Document, Period, Value

GRAFANA = Path(__file__).parents[1] / "grafana"
MAY_BE_EMPTY = "driftline: may be empty"
_FIELD = re.compile(r"(?:^|[\s(])([@\w][\w.@]*):(?=\S)")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_LINK = re.compile(r"^/d/([\w-]+)\?")


@dataclass(frozen=True, slots=True)
class Source:
    """A data source that is provisioned: of what type, and, of Elasticsearch, with which index."""

    type: str
    index: str | None


def provisioned_sources() -> dict[str, Source]:
    """The data sources that Grafana is given, by uid."""
    text = (GRAFANA / "provisioning" / "datasources" / "driftline.yml").read_text()
    return {
        one["uid"]: Source(one["type"], one["jsonData"].get("index")) for one in yaml.safe_load(text)["datasources"]
    }


def shipped() -> dict[str, Document]:
    """The dashboards that Grafana is given, by uid."""
    read = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(GRAFANA.glob("dashboards/*.json"))]
    return {dashboard["uid"]: dashboard for dashboard in read}


def panels(dashboard: Document) -> list[Document]:
    """All panels, those in folded rows too, without rows and texts."""
    found = [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", ()))]
    return [panel for panel in found if panel["type"] not in {"row", "text"}]


def targets(dashboard: Document, kind: str) -> Iterator[tuple[Document, Document]]:
    """Every target of a kind of data source, with its panel."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            if target["datasource"]["type"] == kind:
                yield panel, target


def structure(dashboards: Iterable[Document], provisioned: Mapping[str, Source]) -> Iterator[str]:
    """What is wrong without any data: each problem in a line."""
    dashboards = list(dashboards)
    uids = Counter(dashboard["uid"] for dashboard in dashboards)
    yield from (f"{uid}: {count} dashboards have this uid" for uid, count in uids.items() if count > 1)
    for dashboard in dashboards:
        for check in (_grid, _ids, _variables, _columns, _mixtures):
            yield from (f"{dashboard['uid']}: {problem}" for problem in check(dashboard))
        yield from (f"{dashboard['uid']}: {problem}" for problem in _sources(dashboard, provisioned))
        yield from (f"{dashboard['uid']}: {problem}" for problem in _links(dashboard, set(uids)))


def _grid(dashboard: Document) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in (inner for outer in dashboard["panels"] for inner in (outer, *outer.get("panels", ()))):
        place, name = panel["gridPos"], panel.get("title", "text")
        if place["x"] + place["w"] > 24 or min(place["w"], place["h"]) < 1:
            yield f"{name}: does not fit the grid"
        cells = [
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        over = {taken[cell] for cell in cells if cell in taken}
        yield from (f"{name}: lies over {other}" for other in sorted(over))
        taken |= dict.fromkeys(cells, name)


def _ids(dashboard: Document) -> Iterator[str]:
    every = [inner["id"] for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", ()))]
    yield from (f"panel id {number} is there twice" for number, count in Counter(every).items() if count > 1)
    for panel in panels(dashboard):
        letters = [target["refId"] for target in panel["targets"]]
        if len(set(letters)) < len(letters) or not letters:
            yield f"{panel['title']}: targets are {letters}"
        if not panel.get("description"):
            yield f"{panel['title']}: has no description"
        for target in panel["targets"]:
            ids = [part["id"] for part in (*target.get("bucketAggs", ()), *target.get("metrics", ()))]
            if len(set(ids)) < len(ids):
                yield f"{panel['title']}: aggregation ids are {ids}"
            orders = {bucket["settings"].get("orderBy", "_key") for bucket in target.get("bucketAggs", ())}
            yield from (f"{panel['title']}: is ordered by {one}, which is not there" for one in orders - {"_key", *ids})


def _variables(dashboard: Document) -> Iterator[str]:
    there: list[str] = []
    used: set[str] = set()
    for variable in dashboard["templating"]["list"]:
        names = graphing.named(variable["query"])
        yield from (
            f"variable {variable['name']} asks for {name}, which is not before it" for name in names - set(there)
        )
        there.append(variable["name"])
        used |= names
    names = graphing.named(json.dumps([dashboard["panels"], dashboard["annotations"]]))
    yield from (f"there is no variable {name}" for name in sorted(names - set(there)))
    yield from (f"variable {name} is not used" for name in there if name not in used | names)


def _sources(dashboard: Document, provisioned: Mapping[str, Source]) -> Iterator[str]:
    places = [(variable["name"], variable["datasource"]) for variable in dashboard["templating"]["list"]]
    places += [(annotation["name"], annotation["datasource"]) for annotation in dashboard["annotations"]["list"]]
    for panel in panels(dashboard):
        places += [(panel["title"], part["datasource"]) for part in (panel, *panel["targets"])]
    for name, asked in places:
        source = provisioned.get(asked["uid"])
        if source is None or source.type != asked["type"]:
            yield f"{name}: data source {asked['uid']} ({asked['type']}) is not provisioned"


_REDUCED = {"lastNotNull": "Last *", "min": "Min", "max": "Max", "mean": "Mean"}


def _columns(dashboard: Document) -> Iterator[str]:
    for panel in panels(dashboard):
        if panel["type"] not in {"table", "barchart"}:
            continue
        have = graphing.columns(panel["targets"][0])
        known = True
        for change in panel["transformations"]:
            options = change["options"]
            needed: list[str] = []
            match change["id"]:
                case "groupingToMatrix":
                    needed = [options[key] for key in ("rowField", "columnField", "valueField")]
                    known = False
                case "reduce":
                    have = ["Field", *(_REDUCED[name] for name in options["reducers"])]
                case "organize":
                    needed = list(options["renameByName"])
            yield from (f"{panel['title']}: no column is called {name}" for name in needed if name not in have)
            have = [options.get("renameByName", {}).get(name, name) for name in have]
        shown = [override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]] if known else []
        shown += [panel["options"]["xField"]] if panel["type"] == "barchart" else []
        shown += [order["displayName"] for order in panel.get("options", {}).get("sortBy", ())]
        yield from (f"{panel['title']}: no column is called {name}" for name in shown if name not in have)


def _mixtures(dashboard: Document) -> Iterator[str]:
    """Means of what must not be averaged: of several measures, sizes of windows, versions or segments."""
    for panel, target in targets(dashboard, "elasticsearch"):
        if not any(metric["type"] == "avg" and metric["field"] == "metric.value" for metric in target["metrics"]):
            continue
        by = {bucket["field"] for bucket in target["bucketAggs"]}
        query = target["query"]
        told = {
            "measures": "metric.name" in by or "metric.name:" in query,
            "models": "model.name" in by or "model.name:" in query,
            "sizes of windows": "window.size" in by or "window.size:" in query,
            "versions": "model.version" in by,
            "segments": bool({"segment.value", "segment.name"} & by)
            or any(part in query for part in ("segment.value:$segment", "NOT _exists_:segment.name")),
            "features": "feature.name" in by
            or any(part in query for part in ("feature.name:$feature", "NOT _exists_:feature.name")),
        }
        yield from (f"{panel['title']}: a mean mixes {what}" for what, apart in told.items() if not apart)


def _links(dashboard: Document, uids: set[str]) -> Iterator[str]:
    for panel in panels(dashboard):
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            links = [link for one in override["properties"] if one["id"] == "links" for link in one["value"]]
            for link in links:
                match = _LINK.match(link["url"])
                if match and match[1] not in uids:
                    yield f"{panel['title']}: there is no dashboard {match[1]}"


Capabilities = Callable[[str], Mapping[str, bool]]
"""The fields of an index or pattern that are mapped, and whether they can be aggregated."""


def answers(
    dashboard: Document,
    provisioned: Mapping[str, Source],
    ask: Ask,
    fields: Capabilities,
    period: Period,
    chosen: Mapping[str, str],
) -> Iterator[str]:
    """What is wrong with what Elasticsearch answers: errors, fields that are not there or of no use, empty panels."""
    indices = {uid: source.index for uid, source in provisioned.items() if source.index}
    try:
        found = graphing.values(dashboard, indices, ask, period, chosen)
    except (LookupError, graphing.UnknownVariableError) as error:
        yield f"{dashboard['uid']}: {error}"
        return
    for panel, target in targets(dashboard, "elasticsearch"):
        index = indices[target["datasource"]["uid"]]
        for problem in _of_target(panel, target, index, ask, fields(index), found, period):
            yield f"{dashboard['uid']}: {panel['title']}, {target['refId']}: {problem}"
    for annotation in dashboard["annotations"]["list"]:
        index = indices[annotation["datasource"]["uid"]]
        answer = ask(index, graphing.annotation_search(annotation, found, period))
        if failed := graphing.failure(answer):
            yield f"{dashboard['uid']}: {annotation['name']}: {failed}"
        parts = [
            annotation[key] for key in ("timeField", "timeEndField", "textField", "tagsField") if key in annotation
        ]
        wanted = {*parts, *queried(annotation["query"])}
        missing = wanted - set(fields(index))
        yield from (f"{dashboard['uid']}: {annotation['name']}: {field} is not mapped" for field in sorted(missing))


def _of_target(
    panel: Document,
    target: Document,
    index: str,
    ask: Ask,
    mapped: Mapping[str, bool],
    found: Mapping[str, Value],
    period: Period,
) -> Iterator[str]:
    may_be_empty = MAY_BE_EMPTY in panel["description"]
    if not mapped and may_be_empty:
        return
    aggregated = set(_aggregated(target))
    for field in sorted({*aggregated, *queried(target["query"])}):
        if field not in mapped:
            yield f"{field} is not mapped"
        elif field in aggregated and not mapped[field]:
            yield f"{field} cannot be aggregated"
    try:
        body = graphing.search(target, found, period)
    except graphing.UnknownVariableError as error:
        yield f"there is no variable {error}"
        return
    answer = ask(index, body)
    if failed := graphing.failure(answer):
        yield failed
        return
    if may_be_empty:
        return
    counts = graphing.drawn(target, answer)
    if not counts:
        yield "is empty"
    yield from (f"has no value of metric {name}" for name, count in counts.items() if not count)


def _aggregated(target: Document) -> Iterator[str]:
    yield from (bucket["field"] for bucket in target["bucketAggs"])
    for metric in target["metrics"]:
        if "field" in metric:
            yield metric["field"]


def queried(query: str) -> set[str]:
    """The fields that a query in Lucene's syntax names."""
    bare = _TEXT.sub('""', query)
    exists = set(re.findall(r"_exists_:([\w.@]+)", bare))
    return exists | {field for field in _FIELD.findall(bare) if field != "_exists_"}
