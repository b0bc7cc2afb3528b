"""The examples of the how-to, each as a real process and as the page says to start it, with a real Elasticsearch."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from elasticsearch import Elasticsearch, helpers

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "use-with-frameworks.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
CUSTOMER = {"days_away": 50, "monthly_fee": 15, "region": "eu"}


@pytest.fixture
def folder(tmp_path, streams) -> Path:
    """The examples, with the namespace of this test in place of their own."""
    for file in (ROOT / "docs" / "examples").glob("*.py"):
        (tmp_path / file.name).write_text(in_namespace(file.read_text(), streams.namespace))
    return tmp_path


def in_namespace(text: str, namespace: str) -> str:
    """The text of an example with another namespace."""
    assert text.count('namespace="shop"') == 1
    return text.replace('namespace="shop"', f'namespace="{namespace}"')


@pytest.fixture
def environment(elasticsearch_url) -> dict[str, str]:
    """What the processes are told: where Elasticsearch is, and to say at once what they say."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"ELASTICSEARCH_URL": elasticsearch_url, "PYTHONUNBUFFERED": "1", "PATH": path}


def command(start: str) -> list[str]:
    """The one command of the page that starts so."""
    (found,) = (line for line in COMMANDS if line.startswith(start))
    return shlex.split(found, comments=True)


@contextmanager
def serving(command: list[str], folder: Path, environment: dict[str, str], url: str) -> Iterator[subprocess.Popen[str]]:
    """A service that answers at this address."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True
        )
    try:
        due = time.monotonic() + 60
        while not answers(url):
            said = (folder / "log").read_text()
            assert process.poll() is None, said
            assert time.monotonic() < due, said
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    """Whether anything is there."""
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


def stored(client: Elasticsearch, index: str) -> list[dict[str, Any]]:
    """All documents."""
    client.indices.refresh(index=index)
    return [hit["_source"] for hit in helpers.scan(client, index=index)]


def ids(documents: list[dict[str, Any]]) -> list[str]:
    """Which predictions they are or belong to."""
    return [document["event"]["id"] for document in documents]


async def two_hundred(url: str) -> list[str]:
    """The ids of as many predictions that are asked for at once, and whose outcome is told."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as service:

        async def one(number: int) -> str:
            answer = await service.post("/predictions", json=CUSTOMER | {"days_away": number})
            identity = str(answer.raise_for_status().json()["id"])
            told = await service.post(f"/outcomes/{identity}", params={"label": "stays"})
            assert told.status_code == 202
            return identity

        return await asyncio.gather(*(one(number) for number in range(200)))


def test_fastapi(folder, environment, client, streams, free_port):
    """200 requests at once, then the end: each prediction is stored once, with its outcome."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(command("uvicorn "), folder, environment | {"UVICORN_PORT": str(port)}, url) as process:
        acknowledged = asyncio.run(two_hundred(url))
        process.send_signal(signal.SIGTERM)
        # uvicorn ends by the signal itself, after all is done.
        assert process.wait(60) in (0, -signal.SIGTERM), (folder / "log").read_text()
    assert len(set(acknowledged)) == 200
    found = stored(client, streams.predictions)
    assert sorted(ids(found)) == sorted(ids(stored(client, streams.outcomes))) == sorted(acknowledged)
    assert sorted(document["features"]["days_away"] for document in found) == list(range(200))
    assert all(document["event"]["duration"] > 0 for document in found)
    assert "Traceback" not in (folder / "log").read_text()


@pytest.mark.parametrize("start", ["gunicorn --workers 3 flask", "gunicorn --workers 3 --preload flask"])
def test_flask_under_gunicorn(start, folder, environment, client, streams, free_port):
    """Told to stop in the middle of requests: each prediction that a client has an answer for is stored, once."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    enough, stopped = Event(), Event()

    def ask(asker: int) -> list[str]:
        acknowledged: list[str] = []
        while not stopped.is_set():
            try:
                answer = httpx.post(f"{url}/predictions", json=CUSTOMER, timeout=60)
            except httpx.TransportError:
                break  # no answer: whatever became of it, nobody was told that there is a prediction
            acknowledged.append(answer.raise_for_status().json()["id"])
            if len(acknowledged) == 20 and asker == 0:
                enough.set()
        return acknowledged

    options = environment | {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}"}
    with serving(command(start), folder, options, url) as process, ThreadPoolExecutor(6) as askers:
        asked = [askers.submit(ask, number) for number in range(6)]
        assert enough.wait(60), (folder / "log").read_text()
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
        stopped.set()
        acknowledged = [identity for each in asked for identity in each.result()]
    said = (folder / "log").read_text()
    assert ended == 0, said
    assert said.count("Booting worker") == 3
    assert "dropped" not in said
    assert len(acknowledged) > 20
    found = Counter(ids(stored(client, streams.predictions)))
    assert set(found.values()) == {1}
    assert set(acknowledged) <= found.keys()


def test_flask_logs_what_the_model_could_not_answer(folder, environment, client, streams, free_port):
    """A failed prediction, with its reason; the client gets the error that it would have got."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = environment | {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}"}
    with serving(command("gunicorn --workers 3 flask"), folder, options, url) as process:
        assert httpx.post(f"{url}/predictions", json={"days_away": 5}, timeout=60).status_code == 500
        good = httpx.post(f"{url}/predictions", json=CUSTOMER, timeout=60).json()["id"]
        assert httpx.post(f"{url}/outcomes/{good}", json={"label": "leaves"}, timeout=60).status_code == 202
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    by_outcome = {document["event"]["outcome"]: document for document in stored(client, streams.predictions)}
    assert by_outcome["failure"]["error"]["type"] in ("TypeError", "ValueError")
    assert by_outcome["failure"]["features"] == {"days_away": 5}
    assert by_outcome["success"]["event"]["id"] == good
    assert ids(stored(client, streams.outcomes)) == [good]


@pytest.fixture
def run(folder, environment) -> Callable[..., str]:
    """Run a command that must succeed."""

    def start(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout

    return start


def test_batch_scoring(run, client, streams):
    """A whole table in one call; run twice, it is stored once."""
    assert run(*command("python batch")) == "5,000 predictions stored, 0 were there already, 0 refused\n"
    assert run(*command("python batch")) == "0 predictions stored, 5,000 were there already, 0 refused\n"
    found = stored(client, streams.predictions)
    assert len(set(ids(found))) == len(found) == 5_000
    labels = Counter(document["prediction"]["label"] for document in found)
    assert labels == Counter("leaves" if d["prediction"]["score"] >= 0.5 else "stays" for d in found)
    assert {document["segments"]["region"] for document in found} == {"eu", "us"}


def test_sklearn_decorator(run, client, streams):
    """Binary, multiclass and regression models, watched: a prediction per row."""
    assert run(*command("python sklearn")) == "592 predictions stored, 0 refused\n"
    found = stored(client, streams.predictions)
    kinds = Counter((document["model"]["name"], frozenset(document["prediction"])) for document in found)
    assert kinds == {
        ("tumour", frozenset({"label", "score"})): 100,
        ("iris", frozenset({"label", "probabilities"})): 50,
        ("diabetes", frozenset({"value"})): 442,
    }
    assert {"tumour-0", "tumour-99"} <= set(ids(found))
    widths = {document["model"]["name"]: len(document["features"]) for document in found}
    assert widths == {"tumour": 30, "iris": 4, "diabetes": 10}


def test_a_table_in_one_call(run):
    """The page's block: a line for each row, with what is missing left out."""
    (block,) = (
        text for language, text in BLOCKS if language == "python" and "predictions(" in text and "pandas" in text
    )
    first, second = map(json.loads, run("python", "-c", block).splitlines())
    assert (first["event"]["id"], first["features"], first["segments"]) == ("17", {"age": 41.0}, {"region": "eu"})
    assert (second["event"]["id"], second["features"], second["prediction"]) == ("18", {}, {"score": 0.74})


def test_multiprocessing(run, folder, client, streams):
    """The page's block: what every process of a pool logs is stored."""
    (block,) = (text for language, text in BLOCKS if language == "python" and "multiprocessing" in text)
    (folder / "pool.py").write_text(in_namespace(block, streams.namespace))
    run("python", "pool.py")
    values = Counter(document["prediction"]["value"] for document in stored(client, streams.predictions))
    assert values == Counter(float(2 * number) for number in range(400))
