"""What the light client costs a service: distributions, megabytes, and the time of its import.

The wheel is installed without extras into a fresh environment of every Python that is found. An import is timed as a
whole process, from start to end, since that is what a worker that starts waits for; the least of many is taken, because
whatever else the machine does only adds to it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, publish

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
INSTALLER = {"pip", "setuptools"}
"""What a fresh environment holds already."""
MOST_DISTRIBUTIONS, MOST_MEGABYTES, MOST_MILLISECONDS = 13, 50, 100
REPEATS = 15


def run(*command: object, **options: Any) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return str(done.stdout)


def find_python(version: str) -> Path | None:
    """An interpreter of this version: the one that runs, one on the search path, or one of pyenv's."""
    named = f"python{version}"
    found = shutil.which(named)
    pyenv = Path.home() / ".pyenv" / "versions"
    for python in (sys.executable, found, *sorted(pyenv.glob(f"{version}.*/bin/{named}"))):
        # A name on the search path may be pyenv's, which only says that no version is chosen.
        if python and version == _version_of(python):
            return Path(python)
    return None


def _version_of(python: str | Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def build(folder: Path) -> Path:
    """The wheel that is built from the sdist, into this folder."""
    run(sys.executable, "-m", "build", "--outdir", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(python: Path, wheel: Path, folder: Path) -> Path:
    """A fresh environment in this folder with the wheel and what it needs, nothing else: its Python."""
    run(python, "-m", "venv", folder)
    fresh = folder / "bin" / "python"
    run(fresh, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return fresh


def distributions(python: Path) -> set[str]:
    """Names of the installed distributions, without the installer."""
    listing = run(python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check")
    return {re.split("==| ", line)[0].lower() for line in listing.splitlines()} - INSTALLER


def megabytes(python: Path) -> float:
    """Size of the site-packages, with byte code, without the installer."""
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    brought = (entry for entry in packages.iterdir() if not entry.name.startswith((*INSTALLER, "pkg_resources")))
    files = (file for entry in brought for file in (entry, *entry.rglob("*")) if file.is_file())
    return sum(file.stat().st_size for file in files) / 1e6


def milliseconds(python: Path, code: str) -> float:
    """The least time that a process takes which runs this code."""
    return 1000 * min(_seconds(python, code) for _ in range(REPEATS))


def _seconds(python: Path, code: str) -> float:
    started = time.perf_counter()
    subprocess.run([python, "-c", code], check=True)
    return time.perf_counter() - started


def _measure(version: str, python: Path) -> Iterator[Figure]:
    bare = milliseconds(python, "pass")
    structlog = milliseconds(python, "import structlog") - bare
    ours = milliseconds(python, "import driftline.ingest") - bare
    yield Figure.at_most(f"distributions, Python {version}", len(distributions(python)), MOST_DISTRIBUTIONS)
    yield Figure.at_most(f"megabytes, Python {version}", megabytes(python), MOST_MEGABYTES)
    yield Figure.at_most(f"import driftline.ingest, ms, Python {version}", ours, MOST_MILLISECONDS)
    yield Figure(f"of which import structlog, ms, Python {version}", round(structlog, 1))


def main() -> None:
    """Measure, print a table, and write the results."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as name:
        wheel = build(Path(name) / "dist")
        for version in VERSIONS:
            python = find_python(version)
            if python is None:
                print(f"Python {version} is passed over: none is found on the search path or among pyenv's")
                continue
            figures += _measure(version, install(python, wheel, Path(name) / version))
    sys.exit(publish("client", figures))


if __name__ == "__main__":
    main()
