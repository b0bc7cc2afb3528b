"""What the unit tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pretended import Server
from serving import serving


@pytest.fixture
def server() -> Iterator[Server]:
    """A pretended Elasticsearch that answers."""
    with serving(Server()) as running:
        yield running
