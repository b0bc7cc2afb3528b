"""Write the NDJSON: `python -m kibana.bundle`, from the root of the checkout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from driftline.analyzers.settings import ConfigError, Node

from . import objects
from .dashboards import dashboards
from .shapes import text

SOURCES = Path(__file__).parents[1]
TARGET = SOURCES / "driftline.ndjson"


def bundle(sources: Path) -> str:
    """All saved objects, one a line: what others refer to first.

    Raises:
        ConfigError: A source is not as it should be.
    """
    views = [objects.data_view(key, node) for key, node in _named(sources / "data-views.yaml")]
    searches = [objects.search(key, node) for key, node in _named(sources / "searches.yaml")]
    made = dashboards({path.stem: _read(path) for path in sorted((sources / "dashboards").glob("*.yaml"))})
    return "".join(f"{text(item)}\n" for item in (objects.tag(), *views, *searches, *made))


def _read(path: Path) -> Node:
    return Node(path.name, "", yaml.safe_load(path.read_text(encoding="utf-8")))


def _named(path: Path) -> Iterator[tuple[str, Node]]:
    whole = _read(path)
    return ((key, whole[key]) for key in whole.mapping())


def main() -> int:
    """Write it, or say what is wrong with a source."""
    try:
        TARGET.write_text(bundle(SOURCES), encoding="utf-8")
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
