"""What all saved objects have in common, in the versions that Kibana 9.4 reads.

Shapes are those that Kibana 8.8 to 9.3 wrote and that 9.4 reads: `panel_bwc.ts`, `transform_references_out.ts`,
`transform_pinned_panels_out.ts` and Lens' `xy/persistence.ts` in its sources. A newer version than a Kibana knows is
refused at import, an older one is brought up to date.
"""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

TAG = "driftline"
TAGGED: Json = {"type": "tag", "id": TAG, "name": f"tag-ref-{TAG}"}
"""The reference of all that bear the tag."""
_CORE_VERSION = "8.8.0"
_VERSIONS = {"dashboard": "10.2.0", "search": "10.5.0", "index-pattern": "8.0.0", "tag": "8.0.0"}


def saved(kind: str, identity: str, attributes: Json, references: list[Json]) -> Json:
    """A saved object."""
    return {
        "id": identity,
        "type": kind,
        "attributes": attributes,
        "references": references,
        "managed": False,
        "coreMigrationVersion": _CORE_VERSION,
        "typeMigrationVersion": _VERSIONS[kind],
    }


def view_reference(view: str, name: str) -> Json:
    """A reference to a data view."""
    return {"type": "index-pattern", "id": view, "name": name}


def kuery(query: str = "") -> Json:
    """A query in KQL."""
    return {"language": "kuery", "query": query}


def text(value: Any) -> str:
    """JSON in a string, always the same for the same value."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
