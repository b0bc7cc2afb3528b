"""One Elasticsearch process without Docker: its files, its start, its end."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

from .errors import LocalError
from .java import find_java

VERSION = "9.4.3"
START_SECONDS = 300
STOP_SECONDS = 30
LAUNCHER = "org.elasticsearch.server.launcher.ServerLauncher"
UNPRIVILEGED = "nobody"
"""Elasticsearch refuses to run as root: then it runs as this user."""
UNUSED_MODULES = ("x-pack-inference", "x-pack-geoip-enterprise-downloader")
"""Modules of the distribution that nothing here uses and that slow its start."""

Say = Callable[[str], None]


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
        home: Folder of its data, logs and configuration.
        distributions: Folder of the unpacked Elasticsearch, which several nodes may share.
        port: Port of its HTTP interface, on the loopback address.
        heap: Size of its heap, as Java takes it.
        user_file: For a secured node, the line `name:bcrypt-hash` of its superuser; None: security is off.
    """

    home: Path
    distributions: Path
    port: int = 9200
    heap: str = "1g"
    user_file: str | None = None

    @property
    def url(self) -> str:
        """Where the node answers."""
        return f"http://127.0.0.1:{self.port}"


def default_home() -> Path:
    """Where a local node lives: `DRIFTLINE_HOME`, else the user's data folder.

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
        node = Node(**json.loads((home / "node.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return node if _start_time(node.pid) == node.started else None


def start(settings: Settings, say: Say = lambda _: None, *, fresh: bool = False) -> Node:
    """Start a node, or find the one that runs.

    Args:
        settings: How it is to be.
        say: Called with what is being done, a few words each.
        fresh: Whether its data is deleted first.

    Raises:
        LocalError: It cannot be started; the text holds the end of its log.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with _locked(settings.home):
        node = running(settings.home)
        if node and fresh:
            say("stopping the old one")
            _stop(settings.home, node)
            node = None
        if node is None:
            if fresh:
                shutil.rmtree(settings.home / "data", ignore_errors=True)
            if answers(settings.url):
                msg = f"{settings.url} is taken by an Elasticsearch that is not ours; choose another --port"
                raise LocalError(msg)
            distribution = unpacked(settings.distributions, say)
            say("starting Elasticsearch")
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
    with _locked(home):
        node = running(home)
        if node is None:
            return False
        _stop(home, node)
        return True


def unpacked(distributions: Path, say: Say) -> Path:
    """The home of the unpacked Elasticsearch, brought by Maven where it is not there yet.

    Raises:
        LocalError: Maven is missing or fails.
    """
    target = distributions / f"elasticsearch-{VERSION}"
    if not target.is_dir():
        distributions.mkdir(parents=True, exist_ok=True)
        with _locked(distributions):
            if not target.is_dir():
                _unpack(target, say)
    return target


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether something at this address answers as an Elasticsearch does, if only to refuse."""
    try:
        with urllib.request.urlopen(f"{url}/", timeout=timeout) as answer:  # noqa: S310 (our own address)
            return "cluster_uuid" in json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code in (401, 403, 503)
    except (OSError, ValueError):
        return False


def _unpack(target: Path, say: Say) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        msg = "neither a Docker engine nor Maven (mvn) was found: one of them brings Elasticsearch"
        raise LocalError(msg)
    say(f"bringing Elasticsearch {VERSION} with Maven: once about 950 MB")
    # Unpacked beside its place and moved there whole: what is killed in between leaves nothing half done.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as folder:
        # The user that Elasticsearch runs as has to read it.
        Path(folder).chmod(0o755)
        with as_file(files("driftline.local") / "elasticsearch.pom.xml") as pom:
            command = [maven, "-q", "-B", "-ntp", "-f", str(pom), f"-Ddriftline.output={folder}", "dependency:unpack"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        found = list(Path(folder).glob("*/elasticsearch"))
        if done.returncode or not found:
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
            msg = f"Maven could not bring Elasticsearch:\n{last}"
            raise LocalError(msg)
        for name in UNUSED_MODULES:
            shutil.rmtree(found[0] / "modules" / name, ignore_errors=True)
        found[0].rename(target)


def _launch(settings: Settings, distribution: Path) -> Node:
    java_home = find_java()
    configuration = _configure(settings, distribution)
    for name in ("data", "logs", "tmp"):
        (settings.home / name).mkdir(exist_ok=True)
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    if user:
        _hand_over(settings.home, user)
    java = java_home / "bin" / "java"
    environment = {
        "JAVA": str(java),
        "ES_JAVA_HOME": str(java_home),
        "ES_HOME": str(distribution),
        "ES_PATH_CONF": str(configuration),
        "ES_DISTRIBUTION_TYPE": "tar",
        "JAVA_TYPE": "ES_JAVA_HOME",
        "CLI_JAVA_OPTS": "-Xmx64m -XX:+UseSerialGC",
        "ES_JAVA_OPTS": f"-Xms{settings.heap} -Xmx{settings.heap}",
        "ES_TMPDIR": str(settings.home / "tmp"),
        "HOME": str(settings.home),
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
    }
    tools = distribution / "lib" / "tools" / "server-launcher"
    command = [str(java), "-Xmx32m", "-XX:+UseSerialGC", "-cp", f"{tools}/*", LAUNCHER]
    with (settings.home / "logs" / "console.log").open("wb") as console:
        process = subprocess.Popen(  # noqa: S603 (the command is ours)
            command,
            cwd=distribution,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            # A session of its own: it outlives this command and its terminal, and is stopped as one group.
            start_new_session=True,
        )
    node = Node(settings.url, process.pid, _start_time(process.pid) or "")
    (settings.home / "node.json").write_text(json.dumps(asdict(node)))
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
    lines = [
        "cluster.name: driftline-local",
        "node.name: local",
        "discovery.type: single-node",
        "network.host: 127.0.0.1",
        f"http.port: {settings.port}",
        # Any free port: several local nodes must not fight for one.
        "transport.port: 0",
        f"path.data: {json.dumps(str(settings.home / 'data'))}",
        f"path.logs: {json.dumps(str(settings.home / 'logs'))}",
        # A laptop's full disk would otherwise make all indices read-only.
        "cluster.routing.allocation.disk.threshold_enabled: false",
        f"xpack.security.enabled: {'true' if settings.user_file else 'false'}",
        "xpack.security.autoconfiguration.enabled: false",
    ]
    (folder / "elasticsearch.yml").write_text("\n".join(lines) + "\n")
    if settings.user_file:
        (folder / "users").write_text(settings.user_file + "\n")
        (folder / "users_roles").write_text(f"superuser:{settings.user_file.split(':')[0]}\n")
    return folder


def _hand_over(home: Path, user: str) -> None:
    account = pwd.getpwnam(user)
    for name in ("data", "logs", "config", "tmp"):
        for folder, _, names in os.walk(home / name):
            os.chown(folder, account.pw_uid, account.pw_gid)
            for entry in names:
                os.chown(Path(folder) / entry, account.pw_uid, account.pw_gid)


def _wait(settings: Settings, node: Node, say: Say) -> None:
    say("waiting until Elasticsearch answers")
    due = time.monotonic() + START_SECONDS
    while not answers(node.url):
        if _start_time(node.pid) != node.started:
            (settings.home / "node.json").unlink(missing_ok=True)
            msg = f"Elasticsearch ended while starting; the end of its log:\n{_log_end(settings.home)}"
            raise LocalError(msg)
        if time.monotonic() > due:
            msg = f"Elasticsearch does not answer after {START_SECONDS} s; its log: {settings.home / 'logs'}"
            raise LocalError(msg)
        time.sleep(0.3)
    if settings.user_file is None:
        # Indices of an earlier run are read in after the node first answers.
        query = f"wait_for_status=yellow&timeout={START_SECONDS}s"
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{node.url}/_cluster/health?{query}", timeout=START_SECONDS + 5).close()  # noqa: S310


def _log_end(home: Path, lines: int = 12) -> str:
    try:
        return "\n".join((home / "logs" / "console.log").read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def _stop(home: Path, node: Node) -> None:
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, number)
        due = time.monotonic() + seconds
        while time.monotonic() < due:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(node.pid, os.WNOHANG)
            if not _group_runs(node.pid):
                (home / "node.json").unlink(missing_ok=True)
                return
            time.sleep(0.1)
    msg = f"process {node.pid} of Elasticsearch cannot be stopped"
    raise LocalError(msg)


def _group_runs(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_time(pid: int) -> str | None:
    """When a process began, in the system's own words; None when it does not run."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _start_time_by_ps(pid)
    state, *rest = line.rpartition(")")[2].split()
    # Field 22 of /proc/pid/stat, counted from 1, of which two stand before the closing bracket.
    return None if state == "Z" else rest[18]


def _start_time_by_ps(pid: int) -> str | None:
    """The same where there is no /proc, as on macOS."""
    if Path("/proc/self").exists() or not (ps := shutil.which("ps")):
        return None
    done = subprocess.run([ps, "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process at a time works in this folder."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
