"""Write the dashboards: `python -m grafana.build`."""

from __future__ import annotations

from pathlib import Path

from . import drift, fleet, performance, service
from .page import text_of

FOLDER = Path(__file__).parents[1] / "dashboards"
PAGES = (fleet.page, performance.page, drift.page, service.page)


def texts() -> dict[str, str]:
    """What each file in `dashboards/` says, by its name."""
    pages = [page() for page in PAGES]
    return {f"{page.name}.json": text_of(page) for page in pages}


def main() -> None:
    """Write them all."""
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
