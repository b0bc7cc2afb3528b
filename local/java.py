"""Find a JDK that Elasticsearch runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import LocalError

MINIMUM = 21
MODULES = frozenset({"jdk.jdi", "jdk.incubator.vector"})
"""Modules that Elasticsearch needs and that many runtimes leave out."""
INSTALLED = Path("/usr/lib/jvm")


def find_java(environment: Mapping[str, str] = os.environ, installed: Path = INSTALLED) -> Path:
    """The home of the first JDK that fits: `ES_JAVA_HOME`, `JAVA_HOME`, the installed ones, the one on the PATH.

    Raises:
        LocalError: None fits; the text lists what was looked at and why it does not do.
    """
    refused: dict[Path, str] = {}
    for home in _candidates(environment, installed):
        # Distributions link several names to one JDK.
        if home.resolve() in refused:
            continue
        reason = unfit(home)
        if reason is None:
            return home
        refused[home.resolve()] = f"  {home}: {reason}"
    looked = "\n".join(refused.values()) or f"  none in ES_JAVA_HOME, JAVA_HOME, {installed} or on the PATH"
    modules = " and ".join(sorted(MODULES))
    msg = (
        f"Elasticsearch needs a JDK {MINIMUM} or newer, whole, with the modules {modules}; "
        f"install one or set ES_JAVA_HOME. Looked at:\n{looked}"
    )
    raise LocalError(msg)


def _candidates(environment: Mapping[str, str], installed: Path) -> Iterator[Path]:
    for name in ("ES_JAVA_HOME", "JAVA_HOME"):
        if home := environment.get(name):
            yield Path(home)
    if installed.is_dir():
        # Newest first, as far as names tell.
        yield from sorted((p for p in installed.iterdir() if p.is_dir()), key=_numbers, reverse=True)
    if java := shutil.which("java", path=environment.get("PATH")):
        yield Path(java).resolve().parent.parent


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]


def unfit(home: Path) -> str | None:
    """Why this JDK will not do; None when it will."""
    java = home / "bin" / "java"
    if not java.is_file():
        return "no bin/java in it"
    try:
        match = re.search(r'version "(\d+)', _run(java, "-version"))
        # Java 8 calls itself 1.8 and does not know modules.
        if not match or int(match[1]) < MINIMUM:
            return f"is Java {match[1]}" if match else "does not tell its version"
        modules = _run(java, "--list-modules")
    except (OSError, subprocess.SubprocessError) as error:
        return f"cannot be run: {error}"
    missing = MODULES - {line.split("@")[0] for line in modules.splitlines()}
    return f"lacks {', '.join(sorted(missing))}" if missing else None


def _run(java: Path, argument: str) -> str:
    done = subprocess.run([java, argument], capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    return done.stdout + done.stderr
