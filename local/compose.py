"""Elasticsearch and Kibana by Docker Compose."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

import driftline

from .errors import LocalError

PROJECT = "driftline"
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
    """Driftline's compose file, in the checkout that this runs from or in the current folder.

    Raises:
        LocalError: There is none.
    """
    checkout = Path(driftline.__file__).resolve().parents[2]
    for folder in (checkout, Path.cwd()):
        if _is_ours(folder / FILE):
            return folder / FILE
    msg = (
        f"Driftline's {FILE} is neither in {checkout} nor in {Path.cwd()}: "
        "run this in a checkout of Driftline, or set ELASTICSEARCH_URL"
    )
    raise LocalError(msg)


def _is_ours(file: Path) -> bool:
    """Whether a compose file is Driftline's: a service's own, in the current folder, is not ours to start or delete."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(content, dict) and content.get("name") == PROJECT


def _compose(*arguments: str) -> str:
    docker = shutil.which("docker") or "docker"
    command = [docker, "compose", "--file", str(compose_file()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-10:])
        msg = f"`docker compose {' '.join(arguments)}` failed:\n{last}"
        raise LocalError(msg)
    return done.stdout
