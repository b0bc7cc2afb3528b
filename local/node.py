"""One Elasticsearch process without Docker: its files, its start, its end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path

from . import folders, process
from .distribution import unpacked
from .errors import LocalError
from .folders import Say
from .java import find_java

START_SECONDS = 300
LAUNCHER = "org.elasticsearch.server.launcher.ServerLauncher"
RECORD = "node.json"
CLUSTER_NAME = "driftline-local"


@dataclass(frozen=True, slots=True)
class Node:
    """A running Elasticsearch.

    Attributes:
        url: Where it answers.
        pid: Its process, which leads a group of its own.
        started: Start time of that process as the system counts it, to tell it from another that got its number.
    """

    url: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How a node is to be.

    Attributes:
        home: Folder of its data, logs and configuration, and of nothing else.
        distributions: Folder of the unpacked Elasticsearch, which several nodes may share.
        port: Port of its HTTP interface, on the loopback address.
        heap: Size of its heap, as Java takes it.
        superuser: For a secured node, `name:bcrypt-hash` of its superuser; None: security is off.
    """

    home: Path
    distributions: Path
    port: int = 9200
    heap: str = "1g"
    superuser: str | None = None

    @property
    def url(self) -> str:
        """Where the node answers."""
        return f"http://127.0.0.1:{self.port}"


def default_home() -> Path:
    """Where local nodes live: `DRIFTLINE_HOME`, else the user's data folder.

    Root's home is closed to the user that Elasticsearch then runs as, so for root it is a folder that all may enter.
    """
    if chosen := os.environ.get("DRIFTLINE_HOME"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/driftline")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "driftline"


def running(home: Path) -> Node | None:
    """The node that this home's record tells of, if it still runs."""
    try:
        node = Node(**json.loads((home / RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return node if process.start_time(node.pid) == node.started else None


def start(settings: Settings, say: Say = lambda _: None, *, fresh: bool = False) -> Node:
    """Start a node and wait until it is healthy, or find the one of this home that runs.

    Args:
        settings: How it is to be.
        say: Called with what is being done, a few words each.
        fresh: Whether its data is deleted first.

    Raises:
        LocalError: It cannot be started; the text holds the end of its log.
    """
    folders.make(settings.home)
    with folders.locked(settings.home, say):
        node = running(settings.home)
        if node and fresh:
            say("stopping the one that runs")
            _stop(settings.home, node)
            node = None
        if node:
            _wait(settings, node, say)
            return node
        _refuse_taken_port(settings.port)
        if fresh:
            say("deleting its data")
            _delete(settings.home / "data")
        distribution = unpacked(settings.distributions, say)
        say("starting Elasticsearch")
        with _stopped_unless_up(settings.home):
            node = _launch(settings, distribution)
            _wait(settings, node, say)
        return node


def stop(home: Path) -> bool:
    """Stop the node of this home; False when none runs. Its data stays.

    Raises:
        LocalError: It cannot be stopped.
    """
    if not home.is_dir():
        return False
    with folders.locked(home, lambda _: None):
        node = running(home)
        if node is None:
            return False
        _stop(home, node)
        return True


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether an Elasticsearch answers at this loopback address, if only to refuse."""
    # Without the proxies of the environment, which could not reach this machine's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/", timeout=timeout) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
        error.close()
    except (OSError, HTTPException):
        return False
    # A secured one names its product only to whom it knows, and its realm to everybody.
    return headers.get("X-elastic-product") == "Elasticsearch" or 'realm="security"' in str(headers)


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        # As servers do: what a closed connection leaves behind for a minute does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            url = f"http://127.0.0.1:{port}"
            other = "an Elasticsearch that was not started from here" if answers(url) else "another program"
            msg = (
                f"port {port} is taken by {other}: choose another --port, or set ELASTICSEARCH_URL={url} "
                "if that is the cluster to use"
            )
            raise LocalError(msg) from None


def _delete(folder: Path) -> None:
    if folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            msg = f"{folder} cannot be deleted: {error}"
            raise LocalError(msg) from error


def _launch(settings: Settings, distribution: Path) -> Node:
    java_home = find_java()
    home = settings.home
    configuration = _configure(settings, distribution)
    user = folders.other_user()
    for folder in (home / "data", home / "logs", home / "tmp", configuration):
        folder.mkdir(exist_ok=True)
        if user:
            folders.hand_over(folder, user)
    java = str(java_home / "bin" / "java")
    environment = {
        "JAVA": java,
        "ES_JAVA_HOME": str(java_home),
        "ES_HOME": str(distribution),
        "ES_PATH_CONF": str(configuration),
        "ES_DISTRIBUTION_TYPE": "tar",
        "JAVA_TYPE": "ES_JAVA_HOME",
        "CLI_JAVA_OPTS": "-Xmx64m -XX:+UseSerialGC",
        "ES_JAVA_OPTS": f"-Xms{settings.heap} -Xmx{settings.heap}",
        "ES_TMPDIR": str(home / "tmp"),
        "HOME": str(home / "tmp"),
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
    }
    tools = distribution / "lib" / "tools" / "server-launcher"
    command = [java, "-Xmx32m", "-XX:+UseSerialGC", "-cp", f"{tools}/*", LAUNCHER]
    pid = process.launch(command, distribution, environment, home / "logs" / "console.log", user)
    node = Node(settings.url, pid, process.start_time(pid) or "")
    # Whole or not at all: `status` reads it without the lock.
    written = home / f"{RECORD}.new"
    written.write_text(json.dumps(asdict(node)))
    written.replace(home / RECORD)
    return node


def _configure(settings: Settings, distribution: Path) -> Path:
    folder = settings.home / "config"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "jvm.options.d").mkdir(parents=True)
    for name in ("log4j2.properties", "role_mapping.yml", "roles.yml"):
        shutil.copy(distribution / "config" / name, folder / name)
    options = (distribution / "config" / "jvm.options").read_text().splitlines(keepends=True)
    # The log of the garbage collector would be written into the shared distribution.
    (folder / "jvm.options").write_text("".join(line for line in options if "-Xlog:gc" not in line))
    # JSON is YAML, and quotes whatever a path may hold.
    (folder / "elasticsearch.yml").write_text(json.dumps(configuration(settings), indent=2) + "\n")
    if settings.superuser:
        (folder / "users").write_text(settings.superuser + "\n")
        (folder / "users_roles").write_text(f"superuser:{settings.superuser.partition(':')[0]}\n")
    return folder


def configuration(settings: Settings) -> dict[str, str | int | bool]:
    """What elasticsearch.yml says."""
    return {
        "cluster.name": CLUSTER_NAME,
        "node.name": "local",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": settings.port,
        # Any free port: several local nodes must not fight for one.
        "transport.port": 0,
        "path.data": str(settings.home / "data"),
        "path.logs": str(settings.home / "logs"),
        # A laptop's full disk would otherwise make all indices read-only.
        "cluster.routing.allocation.disk.threshold_enabled": False,
        "xpack.security.enabled": settings.superuser is not None,
        "xpack.security.autoconfiguration.enabled": False,
    }


@contextmanager
def _stopped_unless_up(home: Path) -> Iterator[None]:
    """A start that fails or is interrupted leaves no process behind."""
    try:
        yield
    except BaseException:
        if node := running(home):
            _stop(home, node)
        raise


def _wait(settings: Settings, node: Node, say: Say) -> None:
    say("waiting until Elasticsearch is healthy")
    due = time.monotonic() + START_SECONDS
    while not (answers(node.url) and _healthy(settings, node)):
        if process.start_time(node.pid) != node.started:
            msg = f"Elasticsearch ended while it was starting; the end of its log:\n{_log_end(settings.home)}"
            raise LocalError(msg)
        if time.monotonic() > due:
            msg = f"Elasticsearch is not healthy after {START_SECONDS} s; its log: {settings.home / 'logs'}"
            raise LocalError(msg)
        time.sleep(0.3)


def _healthy(settings: Settings, node: Node) -> bool:
    """Whether all primary shards of an earlier run are read in; a secured node does not tell a stranger."""
    if settings.superuser:
        return True
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{node.url}/_cluster/health", timeout=10) as answer:
            return bool(json.load(answer)["status"] in ("yellow", "green"))
    except (OSError, HTTPException, ValueError):
        return False


def _log_end(home: Path, lines: int = 12) -> str:
    """The last lines of the log that tell something: Java's stack traces hide them."""
    log = home / "logs" / "console.log"
    try:
        written = log.read_text(errors="replace").splitlines()
    except OSError:
        return f"  (there is none at {log})"
    told = [line for line in written if line.strip() and not line.startswith(("\tat ", "\t... "))]
    return "\n".join([*(f"  {line}" for line in told[-lines:]), f"all of it: {log}"])


def _stop(home: Path, node: Node) -> None:
    process.end(node.pid)
    (home / RECORD).unlink(missing_ok=True)
