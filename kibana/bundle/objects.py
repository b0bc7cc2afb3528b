"""Data views, Discover sessions and the tag. Pure functions of their sources."""

from __future__ import annotations

from driftline.analyzers.settings import Node

from .shapes import TAG, TAGGED, Json, kuery, saved, text, view_reference

_INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"


def tag() -> Json:
    """The tag that all of ours bear."""
    attributes = {"name": TAG, "description": "Models monitored by Driftline", "color": "#54B399"}
    return saved("tag", TAG, attributes, [])


def data_view(identity: str, node: Node) -> Json:
    """A data view.

    Args:
        identity: Its id, which references use.
        node: `title`, the index pattern; `name`, what people see; `formats` and `runtime` by field; `timeless`, where
            the time range is not to be applied.
    """
    node.keys({"title", "name", "formats", "runtime", "timeless"}, {"title", "name"})
    runtime = {
        field: {"type": given["type"], "script": {"source": given["script"]}}
        for field, given in node.value.get("runtime", {}).items()
    }
    attributes = {
        "title": node["title"].text(),
        "name": node["name"].text(),
        "allowHidden": False,
        "sourceFilters": "[]",
        "fields": "[]",
        "fieldAttrs": "{}",
        "fieldFormatMap": text(node.value.get("formats", {})),
        "runtimeFieldMap": text(runtime),
        **({} if node.value.get("timeless") else {"timeFieldName": "@timestamp"}),
    }
    return saved("index-pattern", identity, attributes, [])


def search(identity: str, node: Node) -> Json:
    """A Discover session.

    Args:
        identity: Its id.
        node: `title`, `description`, `view`, `query` in KQL, `columns`, and `sort`, pairs of field and direction.
    """
    node.keys({"title", "description", "view", "query", "columns", "sort"}, {"title", "view", "columns", "sort"})
    query = node.get("query")
    state = {"query": kuery(query.text() if query else ""), "filter": [], "indexRefName": _INDEX}
    attributes = {
        "title": f"Driftline · {node['title'].text()}",
        "description": node["description"].text(),
        "columns": [column.text() for column in node.list("columns")],
        "sort": [
            [field.text(), way.choice(("asc", "desc"))] for field, way in (pair.items() for pair in node.list("sort"))
        ],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": text(state)},
    }
    return saved("search", identity, attributes, [view_reference(node["view"].text(), _INDEX), TAGGED])
