"""A Kafka broker without Docker: its jars, its start, its end. The tests use it; it is no broker for anything else."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from . import folders, process
from .errors import LocalError

VERSION = "4.3.1"
POM = "kafka.pom.xml"
MINIMUM_JAVA = 17
START_SECONDS = 120
STARTED = "Kafka Server started"
JAVA_OPTIONS = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
num.partitions=3
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker.

    Attributes:
        address: Where it answers, on the loopback address.
        pid: Its process, which leads a group of its own.
    """

    address: str
    pid: int


def start(home: Path, distributions: Path, port: int, controller_port: int) -> Broker:
    """Start a broker with no data and wait until it is up.

    Args:
        home: Folder of its data and logs, and of nothing else.
        distributions: Folder of the jars, which several brokers may share.
        port: Port for clients.
        controller_port: Port for its own use.

    Raises:
        LocalError: Java or Maven is missing, or it does not start; the text holds the end of its log.
    """
    java = _java()
    jars = _jars(distributions)
    home.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(home / "data", ignore_errors=True)
    settings = home / "server.properties"
    settings.write_text(SETTINGS.format(port=port, controller_port=controller_port, data=home / "data"))
    # An id as Kafka makes it: 16 bytes, in 22 characters that do not begin like an option.
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().strip("=").replace("-", "A")
    tools = [java, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)]
    _run(tools, "Kafka's storage cannot be formatted")
    command = [java, *JAVA_OPTIONS, *LOGGING, "-cp", f"{jars}/*", "kafka.Kafka", str(settings)]
    log = home / "console.log"
    pid = process.launch(command, home, {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}, log, None)
    try:
        _wait(pid, log)
    except BaseException:
        process.end(pid)
        raise
    return Broker(f"127.0.0.1:{port}", pid)


def stop(broker: Broker) -> None:
    """Stop a broker.

    Raises:
        LocalError: It cannot be stopped.
    """
    process.end(broker.pid)


def _wait(pid: int, log: Path) -> None:
    due = time.monotonic() + START_SECONDS
    while STARTED not in log.read_text(errors="replace"):
        if not process.runs(pid) or time.monotonic() > due:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
            msg = f"Kafka does not start; the end of its log, {log}:\n{end}"
            raise LocalError(msg)
        time.sleep(0.1)


def _java() -> str:
    """A Java that Kafka runs on: that of `JAVA_HOME`, else the one on the PATH.

    Raises:
        LocalError: There is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        msg = f"Kafka needs Java {MINIMUM_JAVA} or newer, and here is none: install one"
        raise LocalError(msg)
    match = re.search(r'version "(\d+)', _run([java, "-version"], f"{java} cannot be run"))
    if not match or int(match[1]) < MINIMUM_JAVA:
        msg = f"Kafka needs Java {MINIMUM_JAVA} or newer, and {java} is older: install one, or set JAVA_HOME"
        raise LocalError(msg)
    return java


def _jars(distributions: Path) -> Path:
    """The folder of the jars, brought by Maven where it is not there yet: whole or not at all.

    Raises:
        LocalError: Maven is missing or fails.
    """
    target = distributions / f"kafka-{VERSION}"
    if not target.is_dir():
        folders.make(distributions)
        with folders.locked(distributions, lambda _: None):
            if not target.is_dir():
                _bring(target)
    return target


def _bring(target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        msg = "Kafka comes by Maven, and there is no mvn here: install it"
        raise LocalError(msg)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-kafka-", ignore_cleanup_errors=True) as name:
        pom = Path(name) / "pom.xml"
        pom.write_bytes((files("driftline.local") / POM).read_bytes())
        jars = Path(name) / "jars"
        command = [maven, "-B", "-ntp", "-f", str(pom), f"-Ddriftline.output={jars}", "dependency:copy-dependencies"]
        _run(command, "Maven could not bring Kafka")
        jars.rename(target)


def _run(command: Sequence[str], failed: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        msg = f"{failed}: {error}"
        raise LocalError(msg) from error
    said = done.stdout + done.stderr
    if done.returncode:
        last = "\n".join(said.strip().splitlines()[-10:])
        msg = f"{failed}:\n{last}"
        raise LocalError(msg)
    return said
