"""The containers: what docker-compose.yml and the Dockerfile say, and how Docker is called."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import driftline
from driftline.local import compose
from driftline.local.distribution import VERSION
from driftline.local.errors import LocalError

CHECKOUT = Path(driftline.__file__).resolve().parents[2]


@pytest.fixture
def content() -> dict[str, Any]:
    """The compose file."""
    return yaml.safe_load((CHECKOUT / compose.FILE).read_text())


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` on the PATH that notes how it is called, finds one container, and fails where a file says so."""
    script = tmp_path / "docker"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        f"if [ -e {tmp_path}/fails ]; then echo 'Cannot connect' >&2; exit 1; fi\n"
        'case "$*" in *ps*) echo 0123;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def calls(docker: Path) -> list[str]:
    """What came after the name of the compose file, call by call."""
    return [line.split(f"{compose.FILE} ", 1)[-1] for line in (docker / "calls").read_text().splitlines()]


def test_images_are_of_the_version_that_maven_brings(content: dict[str, Any]) -> None:
    """Elasticsearch and Kibana are of one version, by their Docker Hub names."""
    services = content["services"]
    assert services["elasticsearch"]["image"] == f"elasticsearch:{VERSION}"
    assert services["kibana"]["image"] == f"kibana:{VERSION}"
    assert services["analyzer"]["build"] == "."


def test_no_port_is_open_to_others(content: dict[str, Any]) -> None:
    """Security is off, so every port is bound to the loopback address."""
    assert content["services"]["elasticsearch"]["environment"]["xpack.security.enabled"] == "false"
    ports = [port for service in content["services"].values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:9200:9200", "127.0.0.1:5601:5601", "127.0.0.1:3000:3000"]
    assert compose.URL == "http://127.0.0.1:9200"
    assert compose.KIBANA_URL == "http://127.0.0.1:5601"


def test_servers_are_limited_and_watched(content: dict[str, Any]) -> None:
    """Every service has a memory limit and restarts; both servers have health checks and volumes that are declared."""
    services = content["services"]
    assert all(service["mem_limit"] and service["restart"] == "unless-stopped" for service in services.values())
    assert services["elasticsearch"]["environment"]["ES_JAVA_OPTS"] == "-Xms1g -Xmx1g"
    for name in ("elasticsearch", "kibana"):
        check = services[name]["healthcheck"]
        assert check["test"].startswith("curl --fail")
        assert check["retries"] * int(check["interval"].rstrip("s")) >= 120
        assert services[name]["volumes"][0].split(":")[0] in content["volumes"]
    for name in ("kibana", "analyzer"):
        assert services[name]["depends_on"] == {"elasticsearch": {"condition": "service_healthy"}}


def test_the_dashboards_come_by_themselves(content: dict[str, Any]) -> None:
    """Once Kibana is healthy they are imported, and only then is the service that does so."""
    dashboards = content["services"]["dashboards"]
    assert "profiles" not in dashboards
    assert dashboards["build"] == "."
    assert dashboards["depends_on"] == {"kibana": {"condition": "service_healthy"}}
    assert dashboards["environment"] == {
        "ELASTICSEARCH_URL": "http://elasticsearch:9200",
        "KIBANA_URL": "http://kibana:5601",
    }
    shell, option, script = dashboards["entrypoint"]
    assert (shell, option) == ("sh", "-c")
    done = dashboards["healthcheck"]["test"].removeprefix("test -e ")
    assert script == f"driftline setup && touch {done} && exec sleep infinity"


def test_the_analyzer_starts_when_asked_for(content: dict[str, Any]) -> None:
    """It is behind a profile, reads monitors.yml where the image looks for it, and cannot change it."""
    analyzer = content["services"]["analyzer"]
    assert analyzer["profiles"] == ["analyzer"]
    (mount,) = analyzer["volumes"]
    assert mount["read_only"]
    assert mount["bind"]["create_host_path"] is False
    assert f'CMD ["run", "--config", "{mount["target"]}"]' in (CHECKOUT / "Dockerfile").read_text()


def test_grafana_starts_when_asked_for(content: dict[str, Any]) -> None:
    """It is behind a profile, reads what is in `grafana/` and cannot change it; all may look, nobody can log in."""
    grafana = content["services"]["grafana"]
    assert grafana["profiles"] == ["grafana"]
    mounts = [mount.split(":") for mount in grafana["volumes"]]
    assert all((CHECKOUT / source).is_dir() and mode == "ro" for source, _, mode in mounts)
    provider = yaml.safe_load((CHECKOUT / "grafana/provisioning/dashboards/driftline.yml").read_text())["providers"][0]
    assert {source: target for source, target, _ in mounts} == {
        "./grafana/provisioning": "/etc/grafana/provisioning",
        "./grafana/dashboards": provider["options"]["path"],
    }
    environment = grafana["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    sources = yaml.safe_load((CHECKOUT / "grafana/provisioning/datasources/driftline.yml").read_text())["datasources"]
    assert {source["url"].removeprefix("$") for source in sources} <= set(environment)


def test_the_image_gets_all_that_the_wheel_is_made_of() -> None:
    """What .dockerignore lets through holds the links in src and the folders that they lead to."""
    let_through = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    links = (path for path in (CHECKOUT / "src" / "driftline").iterdir() if path.is_symlink())
    led_to = {str(path.resolve().relative_to(CHECKOUT)) for path in links}
    needed = {"src", "pyproject.toml", project["readme"], *project["license-files"], *led_to}
    assert let_through == needed


def test_up_waits_and_down_keeps_the_data(docker: Path) -> None:
    """Without `fresh` no volume is deleted, and the services behind profiles end with the rest."""
    assert compose.up(fresh=False) is True
    assert compose.down() is True
    assert calls(docker) == [
        "--profile * ps --quiet",
        "up --detach --wait",
        "--profile * ps --quiet",
        "--profile * down",
    ]


def test_fresh_deletes_the_volumes_first(docker: Path) -> None:
    """With `fresh` the volumes go before anything starts."""
    compose.up(fresh=True)
    assert calls(docker)[0] == "--profile * down --volumes"
    assert calls(docker)[-1] == "up --detach --wait"


def test_what_docker_says_is_the_error(docker: Path) -> None:
    """A failing Docker is one error with its last words, and an engine that does not answer is none."""
    assert compose.engine_answers()
    (docker / "fails").touch()
    assert not compose.engine_answers()
    with pytest.raises(LocalError, match=r"`docker compose up .*` failed:\nCannot connect"):
        compose._compose("up", "--detach")


def test_the_compose_file_of_a_service_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a checkout, a compose file of someone else is neither started nor are its volumes deleted."""
    monkeypatch.setattr(driftline, "__file__", str(tmp_path / "lib" / "site" / "driftline" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / compose.FILE).write_text("name: shop\nservices: {}\n")
    with pytest.raises(LocalError, match="neither in"):
        compose.compose_file()
    (tmp_path / compose.FILE).write_text("name: driftline\nservices: {}\n")
    assert compose.compose_file() == tmp_path / compose.FILE
