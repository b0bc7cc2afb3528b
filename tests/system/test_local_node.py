"""A real Elasticsearch without Docker, from `driftline up` to `driftline down`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftline.ingest.client import connect
from driftline.local import distribution, node

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(node_folder: Path, distributions: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home of its own that shares the unpacked Elasticsearch; what a failed test left running is stopped."""
    distribution.unpacked(distributions, lambda _: None)
    folder = node_folder / request.node.name
    folder.mkdir()
    (folder / "distributions").symlink_to(distributions)
    yield folder
    node.stop(folder / "elasticsearch")


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    """An environment without any cluster, and in which no Docker engine answers."""
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ELASTICSEARCH_")}
    return kept | {"DRIFTLINE_HOME": str(home), "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def command(*arguments: str) -> list[str]:
    """The `driftline` command of the environment that the tests run in."""
    return [sys.executable, "-m", "driftline.cli", *arguments]


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run a `driftline` command to its end."""

    def driftline(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), env=environment | more, capture_output=True, text=True, check=False, timeout=600
        )

    return driftline


def processes_of(home: Path) -> list[str]:
    """The command lines of all running processes that name a home."""
    lines = subprocess.run(["ps", "-eww", "-o", "stat=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines() if str(home) in line and not line.startswith("Z")]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    due = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < due
        time.sleep(0.02)


def documents(url: str) -> int:
    """How many documents the index of these tests holds."""
    with connect(url) as client:
        client.indices.refresh(index="kept", ignore_unavailable=True)
        return int(client.count(index="kept", ignore_unavailable=True)["count"])


def test_a_node_lives_from_up_to_down(
    run: Run, environment: dict[str, str], home: Path, free_port: Callable[[], int]
) -> None:
    """Two `up` at once start one node, a third changes nothing, data outlives `down`, and `--fresh` starts empty."""
    up = ("up", "--json", "--port", str(free_port()), "--heap", "512m")
    both = [subprocess.Popen(command(*up), env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (json.loads(one.communicate(timeout=600)[0]) for one in both)
    assert [first["url"], first["pid"]] == [second["url"], second["pid"]]
    assert not first["already"] or not second["already"]
    with connect(first["url"]) as client:
        client.index(index="kept", document={"kept": True})

    third = json.loads(run("up", "--json").stdout)
    assert third == first | {"already": True}
    looked = json.loads(run("status", "--json").stdout)
    assert looked["answers"]
    assert looked["version"] == distribution.VERSION

    assert json.loads(run("down", "--json").stdout)["stopped"]
    assert processes_of(home) == []
    assert run("status").returncode == 1
    assert not json.loads(run("down", "--json").stdout)["stopped"]

    again = json.loads(run(*up).stdout)
    assert documents(again["url"]) == 1
    os.killpg(again["pid"], signal.SIGKILL)
    wait_until(lambda: not processes_of(home))
    assert "no local Elasticsearch runs" in run("status").stderr

    fresh = run("up", "--fresh", *up[2:])
    assert "`driftline down` stops it" in fresh.stdout
    assert documents(first["url"]) == 0
    assert run("down").returncode == 0
    assert processes_of(home) == []


def test_an_interrupted_up_leaves_nothing_running(
    environment: dict[str, str], home: Path, free_port: Callable[[], int]
) -> None:
    """Ctrl-C while Elasticsearch starts stops it again."""
    arguments = command("up", "--port", str(free_port()), "--heap", "512m")
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True) as starting:
        wait_until((home / "elasticsearch" / node.RECORD).exists)
        starting.send_signal(signal.SIGINT)
        error = starting.communicate(timeout=60)[1]
    assert starting.returncode == 1
    assert "Traceback" not in error
    assert processes_of(home) == []


def test_a_node_that_cannot_start_shows_why(run: Run, home: Path, free_port: Callable[[], int]) -> None:
    """What Java says of a heap that is too small is shown, with exit code 1 and no traceback."""
    done = run("up", "--port", str(free_port()), "--heap", "1m")
    assert done.returncode == 1
    assert "Elasticsearch ended while it was starting" in done.stderr
    assert "heap" in done.stderr
    assert "console.log" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "\tat " not in done.stderr
    assert processes_of(home) == []


def test_a_secured_cluster_is_waited_for_with_credentials_only(run: Run, secured) -> None:
    """The right password is let in; a wrong one and none at all give one clear line at once."""
    right = {"ELASTICSEARCH_USERNAME": secured.user, "ELASTICSEARCH_PASSWORD": secured.password}
    assert run("up", ELASTICSEARCH_URL=secured.url, **right).returncode == 0
    assert run("status", ELASTICSEARCH_URL=secured.url, **right).returncode == 0
    for wrong in (right | {"ELASTICSEARCH_PASSWORD": "wrong"}, {}):
        for name in ("up", "status", "setup"):
            done = run(name, ELASTICSEARCH_URL=secured.url, **wrong)
            assert done.returncode == 1
            assert "refuses the credentials (HTTP 401)" in done.stderr.splitlines()[-1]
            assert "Traceback" not in done.stderr


def test_an_unpacking_that_is_killed_leaves_no_half_elasticsearch(node_folder: Path) -> None:
    """After a SIGKILL in the middle there is no Elasticsearch, and after the next attempt a whole one."""
    folder = node_folder / "unpacked"
    code = "import sys, pathlib, driftline.local.distribution as d; d.unpacked(pathlib.Path(sys.argv[1]), print)"
    killed = subprocess.Popen([sys.executable, "-c", code, str(folder)], start_new_session=True)
    wait_until(lambda: any(folder.glob(f"{distribution.UNPACKING}*/unpacked/*/elasticsearch/*")))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not any(folder.glob("elasticsearch-*"))

    whole = distribution.unpacked(folder, lambda _: None)
    assert (whole / "lib" / "tools" / "server-launcher").is_dir()
    assert (whole / "modules" / "x-pack-security").is_dir()
    assert sorted(path.name for path in folder.iterdir()) == [".lock", whole.name]
