"""Which JDK is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from driftline.local.errors import LocalError
from driftline.local.java import MODULES, find_java, unfit


def make_jdk(home: Path, version: str, modules: frozenset[str] = MODULES) -> Path:
    """A JDK as far as anybody asks it: it tells its version and its modules."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    listed = " ".join(f"{module}@{version}" for module in sorted(modules)) or "java.base@1"
    java.write_text(
        "#!/bin/sh\n"
        f"if [ $1 = -version ]; then echo 'openjdk version \"{version}\"' >&2; exit; fi\n"
        f"if [ {version} = 1.8.0_400 ]; then exit 1; fi\n"
        f"printf '%s\\n' {listed}\n"
    )
    java.chmod(0o755)
    return home


def test_what_the_environment_names_comes_first(tmp_path: Path) -> None:
    """ES_JAVA_HOME wins over JAVA_HOME, and both over what is installed."""
    named = {name: str(make_jdk(tmp_path / name, "21.0.2")) for name in ("JAVA_HOME", "ES_JAVA_HOME")}
    installed = make_jdk(tmp_path / "jvm" / "jdk-25", "25").parent
    assert find_java(named, installed) == tmp_path / "ES_JAVA_HOME"
    assert find_java({"JAVA_HOME": named["JAVA_HOME"]}, installed) == tmp_path / "JAVA_HOME"
    assert find_java({"PATH": ""}, installed) == installed / "jdk-25"


def test_one_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    """An old JAVA_HOME does not hide a newer JDK that is installed, and the newest of those is taken."""
    old = make_jdk(tmp_path / "old", "17.0.15")
    for version in ("9", "21", "25"):
        make_jdk(tmp_path / "jvm" / f"jdk-{version}", version)
    assert find_java({"JAVA_HOME": str(old)}, tmp_path / "jvm") == tmp_path / "jvm" / "jdk-25"


def test_the_one_on_the_path_is_found_through_its_link(tmp_path: Path) -> None:
    """A link on the PATH leads to the home of the JDK."""
    jdk = make_jdk(tmp_path / "jdk", "21")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(jdk / "bin" / "java")
    assert find_java({"PATH": str(tmp_path / "bin")}, tmp_path / "none") == jdk


@pytest.mark.parametrize(
    ("version", "modules", "reason"),
    [
        ("17.0.15", MODULES, "is Java 17"),
        ("1.8.0_400", MODULES, "is Java 1"),
        ("25.0.3", MODULES - {"jdk.jdi"}, "lacks jdk.jdi"),
        ("25.0.3", frozenset(), "lacks jdk.incubator.vector, jdk.jdi"),
        ("21", MODULES, None),
    ],
)
def test_the_reason_is_told(tmp_path: Path, version: str, modules: frozenset[str], reason: str | None) -> None:
    """A JDK is too old, or lacks modules, or fits."""
    assert unfit(make_jdk(tmp_path / "jdk", version, modules)) == reason


def test_none_that_fits_names_what_is_needed_and_where_was_looked(tmp_path: Path) -> None:
    """The error names version, modules, the variable to set, and each JDK once, with its reason."""
    jdk = make_jdk(tmp_path / "jvm" / "jdk-17", "17.0.15")
    (tmp_path / "jvm" / "default").symlink_to(jdk)
    environment = {"JAVA_HOME": str(tmp_path / "gone"), "PATH": ""}
    with pytest.raises(LocalError) as caught:
        find_java(environment, tmp_path / "jvm")
    text = str(caught.value)
    assert "JDK 21 or newer" in text
    assert "jdk.incubator.vector and jdk.jdi" in text
    assert "ES_JAVA_HOME" in text
    assert f"{tmp_path / 'gone'}: no bin/java in it" in text
    assert text.count("is Java 17") == 1
