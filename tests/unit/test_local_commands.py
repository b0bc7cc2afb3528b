"""The commands up, down and status: which Elasticsearch they mean, and what they say."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from driftline.local import commands, compose, folders, node, process
from driftline.local.commands import Kind
from driftline.local.errors import LocalError

Invoke = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, no cluster named, and no Docker engine."""
    monkeypatch.setenv("DRIFTLINE_HOME", str(tmp_path))
    monkeypatch.delenv("ELASTICSEARCH_URL", raising=False)
    monkeypatch.setattr(compose, "engine_answers", lambda: False)
    return tmp_path


@pytest.fixture
def invoke(home: Path) -> Invoke:
    """Run one of the commands in this process."""
    del home

    def run(command, *arguments: str) -> Result:
        return CliRunner().invoke(command, arguments)

    return run


def record_running(home: Path, url: str) -> node.Node:
    """Let a home tell of a node that runs: this very process."""
    running = node.Node(url, os.getpid(), process.start_time(os.getpid()) or "")
    commands.own(home).mkdir()
    (commands.own(home) / node.RECORD).write_text(json.dumps(asdict(running)))
    return running


def test_a_named_cluster_comes_before_docker_and_docker_before_a_process(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is: ELASTICSEARCH_URL, the local process that runs, a Docker engine, a new local process."""
    assert commands.choose(home) is Kind.PROCESS
    monkeypatch.setattr(compose, "engine_answers", lambda: True)
    assert commands.choose(home) is Kind.DOCKER
    record_running(home, "http://127.0.0.1:1")
    assert commands.choose(home) is Kind.PROCESS
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://elsewhere:9200")
    assert commands.choose(home) is Kind.GIVEN


def test_up_says_what_it_leaves_running(invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line tells the process, that it keeps running, and how to stop it; progress goes to standard error."""
    asked = []

    def start(settings, say, *, fresh):
        asked.append((settings, fresh))
        say("starting Elasticsearch")
        return node.Node(settings.url, 4711, "1")

    monkeypatch.setattr(node, "start", start)
    done = invoke(commands.up, "--port", "9211", "--heap", "2g", "--fresh")
    assert done.exit_code == 0
    assert "http://127.0.0.1:9211, process 4711" in done.stdout
    assert "keeps running" in done.stdout
    assert "`driftline down` stops it" in done.stdout
    assert done.stderr == "starting Elasticsearch\n"
    assert asked == [(node.Settings(home / "elasticsearch", home / "distributions", 9211, "2g"), True)]


def test_a_second_up_starts_nothing(invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds the one that runs; asking for another port is an error that says what to do."""
    running = record_running(home, "http://127.0.0.1:9211")
    monkeypatch.setattr(node, "start", lambda *_, **__: running)
    assert json.loads(invoke(commands.up, "--json").stdout)["already"] is True
    assert "runs already" in invoke(commands.up, "--port", "9211").stdout
    other = invoke(commands.up, "--port", "9212")
    assert other.exit_code == 1
    assert "it runs already, at http://127.0.0.1:9211" in other.stderr


def test_up_with_docker_names_both_addresses(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elasticsearch and Kibana are named; what docker-compose.yml sets cannot be asked for here."""
    monkeypatch.setattr(compose, "engine_answers", lambda: True)
    asked = []
    monkeypatch.setattr(compose, "up", lambda *, fresh: bool(asked.append(fresh)))
    done = invoke(commands.up, "--fresh")
    assert compose.URL in done.stdout
    assert compose.KIBANA_URL in done.stdout
    assert asked == [True]
    refused = invoke(commands.up, "--heap", "2g")
    assert refused.exit_code == 2
    assert "--heap: not for what is used here, Docker" in refused.stderr


def test_a_named_cluster_is_never_emptied_or_stopped(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """`up --fresh` is refused, and `down` leaves it alone."""
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://127.0.0.1:1")
    refused = invoke(commands.up, "--fresh")
    assert refused.exit_code == 2
    assert "--fresh: not for what is used here, the cluster at ELASTICSEARCH_URL" in refused.stderr
    left = invoke(commands.down)
    assert left.exit_code == 0
    assert "left alone" in left.stdout


def test_down_stops_what_was_started_here_whatever_is_named_now(
    invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local process is stopped also when ELASTICSEARCH_URL was set after it had been started."""
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://127.0.0.1:9200")
    stopped = []
    monkeypatch.setattr(node, "stop", lambda folder: not stopped.append(folder))
    assert json.loads(invoke(commands.down, "--json").stdout) == {"kind": "local process", "stopped": True}
    assert stopped == [home / "elasticsearch"]


def test_down_without_anything_says_so(invoke: Invoke) -> None:
    """Nothing to stop is no error."""
    done = invoke(commands.down)
    assert done.exit_code == 0
    assert "nothing to stop" in done.stdout


def test_a_cluster_that_does_not_answer_is_one_line(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    """`up` gives up after its time, `status` at once; both name the address without the password in it."""
    monkeypatch.setattr(commands, "WAIT_SECONDS", 0)
    port = free_port()
    monkeypatch.setenv("ELASTICSEARCH_URL", f"http://me:secret@127.0.0.1:{port}")
    for command in (commands.up, commands.status):
        done = invoke(command)
        assert done.exit_code == 1
        assert f"http://127.0.0.1:{port} cannot be reached" in done.stderr
        assert "secret" not in done.output


@pytest.mark.parametrize("address", ["127.0.0.1:9200", "ftp://there", "http://there:port"])
def test_an_address_that_is_none_is_a_usage_error(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A wrong ELASTICSEARCH_URL is named, with exit code 2."""
    monkeypatch.setenv("ELASTICSEARCH_URL", address)
    for command in (commands.up, commands.status):
        done = invoke(command)
        assert done.exit_code == 2
        assert done.stderr.splitlines()[-1].startswith("driftline: ELASTICSEARCH_URL: ")


def test_status_without_anything_says_what_to_do(invoke: Invoke) -> None:
    """Exit code 1, and the command that starts one; a foreign Elasticsearch on the usual port is not taken for ours."""
    done = invoke(commands.status)
    assert done.exit_code == 1
    assert done.stderr == "driftline: no local Elasticsearch runs; `driftline up` starts one\n"
    assert json.loads(invoke(commands.status, "--json").stdout)["answers"] is False


@pytest.mark.parametrize("error", [LocalError("no JDK"), PermissionError(13, "Permission denied", "/home")])
def test_what_goes_wrong_is_one_line(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Errors end with exit code 1 and their text, without a traceback."""

    def start(*_, **__):
        raise error

    monkeypatch.setattr(node, "start", start)
    done = invoke(commands.up)
    assert done.exit_code == 1
    assert done.stderr == f"driftline: {error}\n"


@pytest.mark.parametrize(
    "arguments", [["--heap", "lots"], ["--heap", "1g -Dx=y"], ["--port", "0"], ["--port", "70000"]]
)
def test_values_out_of_range_are_usage_errors(invoke: Invoke, arguments: list[str]) -> None:
    """A heap that Java would not take, and a port that is none, end with exit code 2."""
    assert invoke(commands.up, *arguments).exit_code == 2


def test_a_home_may_be_given_relative_to_here(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elasticsearch runs in another folder, so the home is made absolute first."""
    monkeypatch.chdir(tmp_path)
    homes = []

    def start(settings, *_, **__):
        homes.append(settings.home)
        return node.Node(settings.url, 1, "1")

    monkeypatch.setattr(node, "start", start)
    invoke(commands.up, "--home", "here")
    assert homes == [tmp_path / "here" / "elasticsearch"]


def test_a_port_in_use_is_named(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is brought or started when the port is taken."""
    monkeypatch.setattr(folders, "other_user", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoke(commands.up, "--port", str(port))
    assert done.exit_code == 1
    assert f"port {port} is taken by another program" in done.stderr
