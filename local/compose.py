"""Elasticsearch and Kibana by Docker Compose."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import driftline

from .errors import LocalError

FILE = "docker-compose.yml"
URL = "http://127.0.0.1:9200"
KIBANA_URL = "http://127.0.0.1:5601"
ALL = ("--profile", "*")
"""The services that only start when asked for, such as the analyzer, end and go with the rest."""


def engine_answers() -> bool:
    """Whether a Docker engine can be used here: the client alone is not enough."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        done = subprocess.run([docker, "info"], capture_output=True, timeout=15, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def up(*, fresh: bool) -> bool:
    """Start the containers and wait until they are healthy; with `fresh` their data is deleted first.

    Returns:
        Whether they ran before.

    Raises:
        LocalError: Docker fails, or the compose file is not there.
    """
    if fresh:
        _compose(*ALL, "down", "--volumes")
    before = running()
    _compose("up", "--detach", "--wait")
    return before


def down() -> bool:
    """Stop the containers; their data stays. False when none runs.

    Raises:
        LocalError: Docker fails, or the compose file is not there.
    """
    before = running()
    _compose(*ALL, "down")
    return before


def running() -> bool:
    """Whether any of the containers runs.

    Raises:
        LocalError: Docker fails, or the compose file is not there.
    """
    return bool(_compose(*ALL, "ps", "--quiet").strip())


def compose_file() -> Path:
    """The compose file of the current folder, or of the checkout that this runs from.

    Raises:
        LocalError: There is none.
    """
    checkout = Path(driftline.__file__).resolve().parents[2]
    for folder in (Path.cwd(), checkout):
        if (folder / FILE).is_file():
            return folder / FILE
    msg = f"{FILE} is neither in {Path.cwd()} nor in {checkout}: run this in a checkout, or set ELASTICSEARCH_URL"
    raise LocalError(msg)


def _compose(*arguments: str) -> str:
    docker = shutil.which("docker") or "docker"
    command = [docker, "compose", "--file", str(compose_file()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-10:])
        msg = f"`docker compose {' '.join(arguments)}` failed:\n{last}"
        raise LocalError(msg)
    return done.stdout
