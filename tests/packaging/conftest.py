"""The wheel, and fresh environments that hold nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.client import run as client


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    built = client.build(folder)
    assert len(list(folder.glob("*.tar.gz"))) == 1
    return built


@pytest.fixture(scope="session", params=client.VERSIONS)
def light(request, wheel, tmp_path_factory) -> Path:
    """A fresh environment of each Python that is found, with the wheel and what it needs, nothing else: its Python."""
    python = client.find_python(request.param)
    if python is None:
        pytest.skip(f"no Python {request.param} is found on the search path or among pyenv's")
    return client.install(python, wheel, tmp_path_factory.mktemp("fresh"))
