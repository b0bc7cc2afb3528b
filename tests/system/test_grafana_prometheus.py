"""What Grafana's dashboards ask of Prometheus, on a real one that scrapes Driftline's gauges."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import time

import graphing
import httpx
import inspecting
import pytest
from graphing import Value
from serving import serving

from driftline.analyzers.alerts.export import gauges

MODELS = ("churn+", "a.b (c)")
LABELS = {
    "version": "1.0",
    "measure": "psi",
    "feature": "temp",
    "segment_name": "",
    "segment_value": "",
    "window": "1d",
    "severity": "page",
    "kind": "feature",
}
ASKED = {
    "size": Value(("1d",)),
    "version": Value(("1.0", "2+x"), several=True),
    "measure": Value(("psi",)),
}
"""Values of the dashboards' variables, beside the model."""


def exposition():
    """All gauges of two models in Prometheus's text format; every series fires."""
    lines = []
    for gauge in gauges.GAUGES:
        lines += [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
        for model in MODELS if gauge.labels else MODELS[:1]:
            given = LABELS | {"model": model}
            measures = ("psi", "latency_p50") if "measure" in gauge.labels else ("",)
            for measure in measures:
                pairs = [f'{name}="{(given | {"measure": measure})[name]}"' for name in gauge.labels]
                lines.append(f"{gauge.name}{{{','.join(pairs)}}} 2")
    return "\n".join(lines) + "\n"


class Exporter(http.server.BaseHTTPRequestHandler):
    """Answers every request with the gauges."""

    def do_GET(self):
        """Answer a scrape."""
        body = exposition().encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def query(tmp_path_factory, free_port):
    """Ask a Prometheus that has scraped the gauges; where there is none, CI fails and people skip."""
    program = shutil.which("prometheus")
    if program is None and "CI" in os.environ:
        pytest.fail("prometheus is not here: install it")
    if program is None:
        pytest.skip("no prometheus: install it")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter)) as exporter:
        target = f"127.0.0.1:{exporter.server_address[1]}"
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: driftline, static_configs: [{{targets: ['{target}']}}]}}]\n"
        )
        command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        log = (folder / "log").open("w")
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

                def ask(expression):
                    return client.post("/api/v1/query", data={"query": expression}).json()

                _wait(lambda: ask(gauges.LAST_SUCCESS.name), folder / "log")
                yield ask
        finally:
            process.terminate()
            process.wait(30)
            log.close()


def _wait(ask, log):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if ask()["data"]["result"]:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(log.read_text())


def expressions():
    """Every target of the dashboards that asks Prometheus, with what it is called."""
    for uid, dashboard in inspecting.shipped().items():
        several = {one["name"]: one.get("multi", False) for one in dashboard["templating"]["list"]}
        for panel, target in inspecting.targets(dashboard, "prometheus"):
            yield pytest.param(target["expr"], several["model"], id=f"{uid}: {panel['title']}")


@pytest.mark.parametrize(("expression", "several"), list(expressions()))
def test_every_expression_finds_the_gauges(query, expression, several):
    """Prometheus takes it, and answers with a series, for names of models that have to be escaped."""
    found = ASKED | {"model": Value(MODELS if several else MODELS[:1], several=several)}
    answer = query(graphing.filled(expression, found, graphing.promql))
    assert answer["status"] == "success", answer
    assert answer["data"]["result"], answer


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("sum by (model (driftline_alarm)", "parse error"),
        ("driftline_alarm ==", "parse error"),
        ("rate(driftline_alarm)", ""),
    ],
)
def test_a_broken_expression_is_an_error(query, broken, said):
    """What Prometheus cannot parse or type is no success."""
    answer = query(broken)
    assert answer["status"] == "error"
    assert said in answer["error"]
