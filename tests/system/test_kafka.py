"""Kafka from end to end, with a real broker and a real Elasticsearch."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from elasticsearch import Elasticsearch
from faults import Fault, proxy

from driftline.ingest import ModelLogger, configure, driftline_processors
from driftline.ingest.confluent import read_settings
from driftline.ingest.counters import Stats
from driftline.ingest.events import Prediction, Source, document_id
from driftline.ingest.kafka import KafkaShipper
from driftline.ingest.sources.kafka import Topic, run
from driftline.ingest.sources.shipped import Job
from driftline.ingest.streams import Streams

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "ship-files-and-kafka.md"
PARTITIONS = 3
START = 1_714_521_600


@pytest.fixture
def topic(kafka: str) -> str:
    """A topic that no other test has."""
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": kafka})
    for made in admin.create_topics([NewTopic(name, PARTITIONS)]).values():
        made.result(30)
    return name


@pytest.fixture
def begin(
    kafka: str, topic: str, elasticsearch_url: str, client: Elasticsearch, namespace: str, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `driftline ship` as a process; what a failed test left running is killed."""
    del client  # it has set Driftline up
    begun: list[subprocess.Popen[str]] = []
    settings = tmp_path / "kafka.properties"
    # A member that is killed holds its partitions for so long.
    settings.write_text("session.timeout.ms=6000\n")
    command = [sys.executable, "-m", "driftline.cli", "ship", "--kafka", kafka, "--namespace", namespace, "--json"]
    command += ["--kafka-config", str(settings)]
    environment = os.environ | {"ELASTICSEARCH_URL": elasticsearch_url}

    def ship(*arguments: str, of: str = topic) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        begun.append(subprocess.Popen([*command, "--topic", of, *arguments], env=environment, **pipes))
        return begun[-1]

    yield ship
    for process in begun:
        process.kill()
        process.communicate()


def prediction(number: int) -> dict[str, Any]:
    """A prediction."""
    fields: dict[str, Any] = {"score": number % 100 / 100, "features": {"a": number}, "timestamp": START + number}
    return Prediction(model="m", task="binary", id=f"p{number}", **fields).to_document(Source("api"))


def produce(kafka: str, topic: str, values: list[bytes | None]) -> None:
    """Put messages into a topic."""
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 20})
    for number, value in enumerate(values):
        while True:
            try:
                producer.produce(topic, value, str(number))
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def stored(client: Elasticsearch, stream: str) -> list[str]:
    """The `_id` of every document of a data stream."""
    client.indices.refresh(index=stream)
    found: list[str] = []
    body: dict[str, Any] = {"size": 10_000, "sort": ["event.id", "@timestamp"], "_source": False}
    while True:
        hits = client.search(index=stream, **body)["hits"]["hits"]
        found += [hit["_id"] for hit in hits]
        if len(hits) < 10_000:
            return found
        body["search_after"] = hits[-1]["sort"]


def committed(kafka: str, topic: str, group: str) -> tuple[list[int], list[int]]:
    """The offsets that a group has committed, and the ends of the partitions."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group})
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    offsets = [partition.offset for partition in consumer.committed(partitions, timeout=30)]
    ends = [consumer.get_watermark_offsets(partition, timeout=30)[1] for partition in partitions]
    consumer.close()
    return offsets, ends


def count(client: Elasticsearch, stream: str) -> int:
    """How many documents a data stream has."""
    if not client.indices.exists(index=stream):
        return 0
    client.indices.refresh(index=stream)
    return int(client.count(index=stream)["count"])


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    due = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < due
        time.sleep(0.1)


def test_killed_five_times_it_stores_all_messages_once(kafka, topic, begin, client, streams, elasticsearch_url):
    """SIGKILL at random moments of reading, storing and committing; in the end all is there and committed."""
    random.seed(5)
    total = 100_000
    produce(kafka, topic, [orjson.dumps(prediction(number)) for number in range(total)])
    with proxy(elasticsearch_url) as slow:
        # Half a second for each request: else it might be done before it is killed five times.
        slow.choose = lambda _: Fault.SLOW
        for _ in range(5):
            shipping = begin("--group", "killed", "--url", slow.url)
            before = count(client, streams.predictions)
            wait_until(lambda before=before: count(client, streams.predictions) > before)
            time.sleep(random.uniform(0, 0.4))
            shipping.kill()
            assert shipping.communicate()[1] == ""
    assert count(client, streams.predictions) < total
    last = begin("--group", "killed", "--once")
    said, wrong = last.communicate(timeout=300)
    assert (last.returncode, wrong) == (0, "")
    found = stored(client, streams.predictions)
    assert len(found) == total
    assert set(found) == {f"p{number}" for number in range(total)}
    offsets, ends = committed(kafka, topic, "killed")
    assert offsets == ends
    assert sum(ends) == total
    assert json.loads(said)["documents"]["refused"] == 0


def test_a_message_that_is_delivered_twice_is_stored_once(kafka, topic, begin, client, streams):
    """Once by its producer, and once more by a group that begins at the beginning."""
    values = [orjson.dumps(prediction(number)) for number in range(500)]
    produce(kafka, topic, [*values, *values[:100]])
    for group, fresh in (("one", 500), ("other", 0)):
        done = json.loads(begin("--group", group, "--once").communicate(timeout=60)[0])
        assert done["documents"]["stored"] == fresh
        assert done["documents"]["stored"] + done["documents"]["stored_before"] == 600
    assert sorted(stored(client, streams.predictions)) == sorted(f"p{number}" for number in range(500))


def test_what_is_no_event_is_a_dead_letter_with_its_place(kafka, topic, begin, client, streams):
    """Whatever it is, it is kept whole, and the rest is stored."""
    printed = json.dumps(prediction(1), indent=2).encode()
    broken: list[bytes | None] = [b"hello", b"\xff\x00", b"[1]", None, orjson.dumps(prediction(3))[:90], b"{}"]
    no_id = orjson.dumps({"event": {"dataset": "driftline.predictions"}, "model": {"name": "m"}})
    produce(kafka, topic, [printed, *broken, no_id, orjson.dumps(prediction(2))])
    done = json.loads(begin("--once").communicate(timeout=60)[0])
    assert (done["events"], done["refused"]) == (2, 7)
    assert sorted(stored(client, streams.predictions)) == ["p1", "p2"]
    client.indices.refresh(index=streams.deadletter)
    letters = [hit["_source"] for hit in client.search(index=streams.deadletter, size=100)["hits"]["hits"]]
    places = {letter["event"]["reason"].split(": ")[0] for letter in letters}
    assert len(places) == 7
    assert all(place.startswith(f"topic {topic}, partition ") and ", offset " in place for place in places)
    originals = [json.loads(letter["event"]["original"]) for letter in letters]
    for value in broken:
        assert (value or b"").decode(errors="backslashreplace") in originals
    assert orjson.loads(no_id) in originals
    again = json.loads(begin("--group", "another", "--once").communicate(timeout=60)[0])
    assert (again["documents"]["stored"], again["documents"]["stored_before"]) == (0, 9)
    assert count(client, streams.deadletter) == 7


def test_two_members_share_a_topic_and_hand_over_cleanly(kafka, topic, begin, client, streams):
    """One joins, one leaves by SIGTERM: what it had is committed, so that the other sends nothing again."""
    first = begin("--group", "shared")
    produce(kafka, topic, [orjson.dumps(prediction(number)) for number in range(3000)])
    wait_until(lambda: count(client, streams.predictions) == 3000)
    second = begin("--group", "shared")
    produce(kafka, topic, [orjson.dumps(prediction(number)) for number in range(3000, 6000)])
    wait_until(lambda: count(client, streams.predictions) == 6000)
    first.send_signal(signal.SIGTERM)
    one, wrong = first.communicate(timeout=60)
    assert (first.returncode, wrong) == (0, "")
    produce(kafka, topic, [orjson.dumps(prediction(number)) for number in range(6000, 7000)])
    wait_until(lambda: count(client, streams.predictions) == 7000)
    second.send_signal(signal.SIGTERM)
    two, wrong = second.communicate(timeout=60)
    assert (second.returncode, wrong) == (0, "")
    told = [json.loads(said)["documents"] for said in (one, two)]
    assert sum(documents["stored"] for documents in told) == 7000
    assert sum(documents["stored_before"] for documents in told) == 0
    offsets, ends = committed(kafka, topic, "shared")
    assert offsets == ends


class Slow:
    """Stands in for a shipper whose Elasticsearch takes very long once."""

    def __init__(self) -> None:
        self.streams = Streams("default")
        self.got: list[tuple[str, bool]] = []
        self.hold = 8.0

    def send_encoded(self, dataset: str, identity: str, source: bytes, *, again: bool = False) -> bool:
        """Take an event."""
        del dataset, source
        self.got.append((identity, again))
        return True

    def flush(self, timeout: float | None = None) -> bool:
        """Wait, the first time."""
        del timeout
        time.sleep(self.hold)
        self.hold = 0
        return True

    def stats(self) -> Stats:
        """Nothing is dropped."""
        return Stats()


def test_a_member_that_the_group_gave_up_reads_again_what_it_could_not_commit(kafka, topic):
    """Its offsets are refused then: another may have the partitions. It joins again, and marks what it sends again."""
    produce(kafka, topic, [orjson.dumps(prediction(number)) for number in range(100)])
    shipper = Slow()
    job = Job(shipper, once=True)
    settings = {"session.timeout.ms": "6000", "max.poll.interval.ms": "6000"}
    run(Topic(kafka, topic, "slow", job, settings), job)
    assert {identity for identity, _ in shipper.got} == {f"p{number}" for number in range(100)}
    assert len(shipper.got) == 200
    assert all(again for _, again in shipper.got)
    offsets, ends = committed(kafka, topic, "slow")
    assert offsets == ends


@pytest.mark.parametrize("wrong", ["topic", "broker"])
def test_a_topic_or_a_broker_that_is_not_there_ends_with_code_1(begin, topic, wrong, free_port):
    """And with what there is instead."""
    address = ["--kafka", f"127.0.0.1:{free_port()}"] if wrong == "broker" else []
    process = begin(*address, of="no-such-topic")
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "Traceback" not in error
    if wrong == "topic":
        assert "--topic: got 'no-such-topic', allowed: the topics of Kafka at" in error
        assert topic in error
    else:
        # Which of the two is told depends on which the client learns first.
        assert any(reason in error.splitlines()[-1] for reason in ("Connection refused", "brokers are down"))


def test_what_a_service_logs_to_kafka_ends_in_elasticsearch(kafka, topic, begin, client, streams):
    """The whole way, from the log call; a rejected event is a dead letter on it."""
    try:
        with KafkaShipper(kafka, topic, namespace=streams.namespace) as shipper:
            configure("api", shipper=shipper)
            model = ModelLogger("delay", "binary", "2")
            identity = model.prediction(score=0.75, label="late", features={"temp": -3.5, "carrier": "UA"})
            model.outcome(identity, label="on_time")
            model.change("model-deployed")
            model.prediction(score=float("nan"))
            assert shipper.flush(30)
            assert (shipper.stats().accepted, shipper.stats().sent, shipper.stats().waiting) == (4, 4, 0)
    finally:
        structlog.reset_defaults()
    done = json.loads(begin("--once").communicate(timeout=60)[0])
    assert (done["events"], done["refused"], done["documents"]["stored"]) == (4, 0, 4)
    assert stored(client, streams.predictions) == [identity]
    (outcome,) = stored(client, streams.outcomes)
    assert outcome.startswith(f"{identity}.")
    assert [count(client, stream) for stream in (streams.changes, streams.deadletter)] == [1, 1]


def test_the_page_on_shipping_runs(kafka, topic, begin, client, streams):
    """What a reader copies ends in Elasticsearch."""
    ((block),) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    code = block.replace("broker-1:9092", kafka).replace('"predictions"', f'"{topic}"')
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    begin("--once").communicate(timeout=60)
    assert [count(client, stream) for stream in (streams.predictions, streams.outcomes)] == [1, 1]


def test_the_settings_of_the_page_are_settings(tmp_path):
    """The client knows each of them."""
    ((block),) = re.findall(r"^```properties\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "kafka.properties"
    file.write_text(block)
    settings = read_settings(file)
    assert len(settings) == 5
    Consumer({"group.id": "x", **settings}).close()


def test_a_prediction_and_its_outcome_are_in_one_partition(kafka, topic):
    """The key of a message is the event's id."""
    with KafkaShipper(kafka, topic) as shipper:
        for number in range(10):
            assert shipper.send(prediction(number))
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "keys", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found = {}
    while len(found) < 10:
        message = consumer.poll(30)
        assert message is not None
        found[message.key().decode()] = orjson.loads(message.value())
    consumer.close()
    assert found == {f"p{number}": prediction(number) for number in range(10)}


def test_a_broker_that_is_away_costs_what_does_not_fit_and_no_time(free_port, caplog):
    """What is dropped is counted and said once; the end waits no longer than it is told to."""
    shipper = KafkaShipper(f"127.0.0.1:{free_port()}", "t", queue_size=100)
    taken = sum(shipper.send(prediction(number)) for number in range(300))
    assert taken == 100
    assert (shipper.stats().dropped, shipper.stats().waiting) == (200, 100)
    assert not shipper.flush(0.5)
    assert shipper.trouble is not None
    stats = shipper.close(timeout=0.2)
    assert (stats.accepted, stats.dropped, stats.lost, stats.waiting) == (0, 300, 0, 0)
    assert not shipper.send(prediction(1))
    assert caplog.text.count("the queue is full or closed") == 1
    assert "100 documents did not reach Kafka before the end" in caplog.text


def test_a_batch_job_waits_instead_of_dropping(kafka, topic):
    """With `block` a full queue makes the caller wait."""
    with KafkaShipper(kafka, topic, queue_size=50, block=True) as shipper:
        for number in range(2000):
            assert shipper.send(prediction(number))
    assert (shipper.stats().sent, shipper.stats().dropped) == (2000, 0)


def test_what_kafka_refuses_is_logged_whole(kafka, topic, caplog):
    """It is the last resort; nothing goes without a word."""
    with KafkaShipper(kafka, topic, settings={"message.max.bytes": 2000}) as shipper:
        large = prediction(7) | {"message": "x" * 5000}
        assert shipper.send(large)
    assert (shipper.stats().lost, shipper.stats().waiting) == (1, 0)
    assert "Kafka refuses a document, which is lost" in caplog.text
    assert '"p7"' in caplog.text


def test_a_process_that_just_ends_delivers_and_a_fork_delivers_for_itself(kafka, topic, begin, client, streams):
    """Nobody has to remember to close; a worker of a pre-forking server has a producer of its own."""
    script = """
import os, sys
from driftline.ingest import ModelLogger, configure
from driftline.ingest.kafka import KafkaShipper
configure("job", shipper=KafkaShipper(sys.argv[1], sys.argv[2]))
model = ModelLogger("m", "regression")
model.prediction(id="before", value=1)
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
model.prediction(id="parent" if child else "child", value=1)
"""
    subprocess.run([sys.executable, "-c", script, kafka, topic], check=True, timeout=60)
    begin("--once").communicate(timeout=60)
    assert sorted(stored(client, streams.predictions)) == ["before", "child", "parent"]


def test_a_logger_with_processors_of_its_own_ships_to_kafka(kafka, topic):
    """`driftline_processors` takes it as it takes a shipper, and its namespace."""
    with KafkaShipper(kafka, topic, namespace="shop") as shipper:
        log = structlog.wrap_logger(
            structlog.testing.CapturingLogger(), processors=driftline_processors("api", shipper=shipper)
        )
        log.info("prediction", model="m", task="regression", value=1.0, id="x")
        with pytest.raises(ValueError, match="allowed: that of the shipper, 'shop'"):
            driftline_processors("api", namespace="other", shipper=shipper)
    assert shipper.stats().sent == 1
    assert document_id(prediction(1)) == "p1"
