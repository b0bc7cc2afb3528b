"""What a local Kafka says when it cannot be started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from driftline.local import kafka
from driftline.local.errors import LocalError


def program(folder: Path, name: str, script: str) -> Path:
    """A program that does what it is told to."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("java", "maven", "reason"),
    [
        (None, None, "needs Java 17 or newer, and here is none"),
        ("echo 'openjdk version \"11.0.2\"'", None, "is older: install one, or set JAVA_HOME"),
        ("echo 'openjdk version \"17.0.2\"'", None, "there is no mvn here"),
        ("echo 'openjdk version \"17.0.2\"'", "echo no network; exit 1", "Maven could not bring Kafka:\nno network"),
    ],
)
def test_what_is_missing_is_said(tmp_path, node_folder, monkeypatch, java, maven, reason):
    """And nothing half done is left."""
    distributions = node_folder / tmp_path.name
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name, script in (("java", java), ("mvn", maven)):
        if script:
            program(tmp_path / "bin", name, script)
    with pytest.raises(LocalError, match=reason):
        kafka.start(tmp_path / "home", distributions, 1, 2)
    assert not list(distributions.glob("*kafka*"))


def test_a_broker_that_ends_while_it_starts_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    """There is no waiting for one that has gone."""
    script = 'case "$*" in *-version*) echo \'version "21"\';; *kafka.Kafka*) echo "the port is taken"; exit 1;; esac'
    program(tmp_path / "bin", "java", script)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (tmp_path / f"kafka-{kafka.VERSION}").mkdir()
    with pytest.raises(LocalError, match=r"Kafka does not start; the end of its log.*\nthe port is taken"):
        kafka.start(tmp_path / "home", tmp_path, free_port(), free_port())
