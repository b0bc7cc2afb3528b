"""The shipper against a server that fails in every way a server can."""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from pretended import Server

from driftline.ingest.events import Prediction, Source
from driftline.ingest.shipper import Shipper


def document(number: int) -> dict[str, Any]:
    """A prediction."""
    return Prediction(model="m", task="regression", value=number, id=f"p{number}").to_document(Source())


def ship(server: Server, count: int = 50, **options: Any) -> Shipper:
    """Send so many predictions in small batches and wait."""
    shipper = Shipper(server.url, **{"batch_size": 10, "max_age": 0.02, **options})
    for number in range(count):
        assert shipper.send(document(number))
    assert shipper.flush(30)
    return shipper


def predictions(server: Server) -> set[str]:
    """The ids of the predictions that were stored."""
    return {
        identity for identity, found in server.stored.items() if found["event"]["dataset"] == "driftline.predictions"
    }


def test_the_same_trouble_is_said_once_in_a_while(server, caplog):
    """Not with every attempt, and not by the libraries below either."""
    server.behave = lambda attempt, _: (0, None) if attempt <= 8 else (200, None)
    with caplog.at_level(logging.WARNING), ship(server):
        pass
    assert len(caplog.records) == 1
    assert "trying again" in caplog.text


def test_an_answer_that_is_no_elasticsearch_s_is_tried_again(server):
    """Something in between may answer in its place; that loses nothing and stops nobody."""

    def behave(attempt, pairs):
        if attempt <= 2:
            return 200, []
        if attempt <= 4:
            return 200, [{"status": 429, "error": {"reason": "half"}} for _ in pairs[1:]]
        return 200, None

    server.behave = behave
    with ship(server) as shipper:
        stats = shipper.stats()
    assert predictions(server) == EVERYTHING
    assert stats.waiting == stats.dead == stats.dropped == 0


def test_documents_wait_until_the_cluster_is_set_up(server, caplog):
    """Without a template nothing is stored in an index of the wrong types: it waits, and the log says for what."""
    missing = {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no such index"}}
    server.behave = lambda attempt, pairs: (200, [missing for _ in pairs]) if attempt <= 3 else (200, None)
    with caplog.at_level(logging.WARNING), ship(server) as shipper:
        assert shipper.trouble is None
    assert predictions(server) == EVERYTHING
    assert "has no template for its data streams: run `driftline setup`" in caplog.text


def test_what_is_wrong_can_be_read_while_it_lasts(server):
    """A job that waits for its documents knows why it waits."""
    server.behave = lambda *_: (401, None)
    shipper = Shipper(server.url, max_age=0.01)
    shipper.send(document(1))
    assert not shipper.flush(0.5)
    assert shipper.trouble.status_code == 401
    assert shipper.stats().waiting == 1
    server.behave = None
    assert shipper.flush(30)
    assert shipper.trouble is None
    shipper.close()


def test_waiting_for_what_was_sent_does_not_wait_for_company(server):
    """A flush sends what is there, long before it would be sent by its age."""
    shipper = Shipper(server.url, max_age=600)
    for number in range(50):
        shipper.send(document(number))
    assert shipper.flush(30)
    shipper.close()
    assert predictions(server) == EVERYTHING


def test_each_batch_is_one_request_and_full(server):
    """However many threads send: none of them takes what has only just begun to wait."""
    sizes: list[int] = []
    server.arrive = sizes.append
    with Shipper(server.url, batch_size=50, max_age=600, workers=20, report_every=None) as shipper:
        for number in range(1_000):
            shipper.send(document(number))
            time.sleep(0.00005)
        assert shipper.flush(30)
    assert sizes == [50] * 20


def test_another_thread_sends_only_when_those_before_fall_behind(server):
    """Elasticsearch and the service are spared what one request at a time can do."""
    going, begun = threading.Semaphore(0), []
    server.arrive = lambda size: (begun.append(size), going.acquire(timeout=30))

    def sending(documents: int, requests: int) -> bool:
        for _ in range(documents):
            shipper.send(document(next(number)))
        time.sleep(0.3)
        return len(begun) == requests

    number = itertools.count()
    with Shipper(server.url, batch_size=10, max_age=600, workers=3, report_every=None) as shipper:
        assert sending(10, requests=1)
        assert sending(19, requests=1)
        assert sending(1, requests=2)
        going.release()  # one is left on its way, and ten wait
        assert sending(0, requests=2)
        assert sending(10, requests=3)
        assert sending(10, requests=3)
        going.release(2)
        assert sending(0, requests=4)
        going.release(100)
    assert begun == [10] * 5


def test_a_short_queue_is_sent_before_it_is_full(server):
    """Where a batch is larger than the queue, nothing is dropped while documents wait for company."""
    with Shipper(server.url, queue_size=60, batch_size=2_000, max_age=600) as shipper:
        for number in range(120):
            assert shipper.send(document(number))
            time.sleep(0.005)
    assert len(predictions(server)) == 120


EVERYTHING = {f"p{number}" for number in range(50)}


@pytest.mark.parametrize("status", [429, 502, 503, 504, 401, 403, 500, 0])
def test_an_answer_that_means_later_loses_and_doubles_nothing(server, status):
    """Overload, gateways, refused credentials and dropped connections: the batch is sent again until it is stored."""
    server.behave = lambda attempt, _: (status, None) if attempt <= 4 else (200, None)
    with ship(server) as shipper:
        stats = shipper.stats()
    assert predictions(server) == EVERYTHING
    assert (stats.accepted, stats.sent, stats.dead, stats.dropped) == (50, 50, 0, 0)
    assert stats.retried >= 20


def test_a_connection_dropped_after_the_work_was_done_doubles_nothing(server):
    """What was stored already answers 409 when it is sent again, and counts as done."""

    def behave(attempt, pairs):
        for action, found in pairs:
            server.store(action["_id"], found) if attempt <= 2 else None
        return (0, None) if attempt <= 2 else (200, None)

    server.behave = behave
    with ship(server) as shipper:
        stats = shipper.stats()
    assert predictions(server) == EVERYTHING
    assert stats.sent + stats.duplicates == 50
    assert stats.duplicates >= 10


def test_items_are_sorted_into_done_later_and_never(server, caplog):
    """Of one batch some are stored, some sent again, and some kept as dead letters with the reason."""
    tried: dict[str, int] = {}

    def item(action, found):
        number = int(action["_id"][1:]) if action["_id"].startswith("p") else None
        tried[action["_id"]] = tried.get(action["_id"], 0) + 1
        if number is not None and number % 5 == 0:
            cause = {"type": "illegal_argument_exception", "reason": "not a number"}
            return {"status": 400, "error": {"type": "document_parsing_exception", "reason": "bad", "caused_by": cause}}
        if number is not None and number % 3 == 0 and tried[action["_id"]] < 3:
            return {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue"}}
        return server.store(action["_id"], found)

    server.behave = lambda _, pairs: (200, [item(*pair) for pair in pairs])
    with caplog.at_level(logging.WARNING), ship(server) as shipper:
        stats = shipper.stats()
    refused = {f"p{number}" for number in range(0, 50, 5)}
    assert predictions(server) == EVERYTHING - refused
    letters = [d for d in server.stored.values() if d["event"]["dataset"] == "driftline.deadletter"]
    assert {json.loads(letter["event"]["original"])["event"]["id"] for letter in letters} == refused
    assert {letter["event"]["reason"] for letter in letters} == {"bad: not a number"}
    assert (stats.sent, stats.dead, stats.lost) == (40, 10, 0)
    assert len([r for r in caplog.records if "refuses a document" in r.message]) == 1


def test_a_batch_that_is_too_large_is_halved(server):
    """413 splits until it fits; a single document that is too large is a dead letter."""

    def behave(_, pairs):
        if any(action["_id"] == "p7" for action, _ in pairs) or len(pairs) > 3:
            return 413, None
        return 200, None

    server.behave = behave
    with ship(server) as shipper:
        stats = shipper.stats()
    assert predictions(server) == EVERYTHING - {"p7"}
    assert (stats.sent, stats.dead) == (49, 1)


def test_a_full_queue_drops_counts_and_says_so_without_waiting(server, caplog):
    """The caller never waits for Elasticsearch; what is not taken is counted and said once."""
    hold = threading.Event()
    server.behave = lambda *_: (hold.wait(10), (200, None))[1]
    shipper = Shipper(server.url, queue_size=20, batch_size=10, max_age=0.01, workers=1)
    with caplog.at_level(logging.WARNING):
        began = time.monotonic()
        taken = sum(shipper.send(document(number)) for number in range(200))
        waited = time.monotonic() - began
    hold.set()
    stats = shipper.close()
    assert waited < 5
    assert 20 <= taken <= 40
    assert stats.dropped == 200 - taken
    assert len(predictions(server)) == taken
    assert len([record for record in caplog.records if "queue is full" in record.message]) == 1


def test_a_batch_job_waits_instead_of_dropping(server):
    """With `block` a full queue makes the caller wait, and nothing is dropped."""
    with ship(server, 300, queue_size=5, block=True) as shipper:
        pass
    assert shipper.stats().dropped == 0
    assert len(predictions(server)) == 300


def test_closing_sends_what_is_left_and_gives_up_in_time(server, caplog):
    """What Elasticsearch never took is counted as dropped, and said."""
    shipper = Shipper(server.url, max_age=5)
    for number in range(25):
        shipper.send(document(number))
    assert shipper.close().sent == 25
    assert not shipper.send(document(99))
    server.behave = lambda *_: (503, None)
    late = Shipper(server.url, max_age=0.01)
    late.send(document(100))
    with caplog.at_level(logging.WARNING):
        stats = late.close(timeout=0.5)
    assert (stats.accepted, stats.dropped) == (0, 1)
    assert "1 documents were not stored" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_worker_ships_for_itself(server):
    """After a fork the child's shipper begins afresh and doubles nothing of the parent's."""
    shipper = ship(server, 10)
    child = os.fork()
    if child == 0:
        done = shipper.send(document(500)) and shipper.close().sent == 1
        os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0
    shipper.send(document(600))
    assert shipper.close().sent == 11
    assert predictions(server) == {f"p{n}" for n in range(10)} | {"p500", "p600"}


def test_many_refused_documents_are_few_requests(server):
    """A burst of dead letters goes the way of everything else: in batches."""
    error = {"type": "document_parsing_exception", "reason": "bad"}

    def behave(_, pairs):
        return 200, [
            {"status": 400, "error": error} if action["_id"].startswith("p") else server.store(action["_id"], found)
            for action, found in pairs
        ]

    server.behave = behave
    with ship(server, 200, batch_size=100) as shipper:
        stats = shipper.stats()
    assert (stats.accepted, stats.dead, stats.lost) == (200, 200, 0)
    assert server.attempts < 50


def test_a_dead_letter_that_is_refused_is_logged_whole(server, caplog):
    """It is the last resort; nothing goes without a word."""
    server.behave = lambda _, pairs: (200, [{"status": 400, "error": {"reason": "never"}} for _ in pairs])
    with caplog.at_level(logging.ERROR), ship(server, 3) as shipper:
        assert (shipper.stats().lost, shipper.stats().waiting) == (3, 0)
    assert caplog.text.count("a dead letter is refused and lost: never") == 3
    assert '\\"p2\\"' in caplog.text


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, "security_exception"),
        (403, "cluster_block_exception"),
        (400, "validation_exception"),
        (400, "index_closed_exception"),
        (429, "es_rejected_execution_exception"),
        (503, "unavailable_shards_exception"),
    ],
)
def test_what_is_the_cluster_s_fault_makes_no_dead_letters(server, caplog, status, kind):
    """It would be refused for the same reason, and be lost; the documents wait, and the log says why."""
    item = {"status": status, "error": {"type": kind, "reason": "the cluster cannot"}}
    server.behave = lambda attempt, pairs: (200, [item for _ in pairs] if attempt <= 6 else None)
    with caplog.at_level(logging.WARNING), ship(server) as shipper:
        stats = shipper.stats()
    assert predictions(server) == EVERYTHING
    assert (stats.sent, stats.dead, stats.lost) == (50, 0, 0)
    assert "takes no documents for now: the cluster cannot" in caplog.text


def test_a_dead_letter_waits_for_whatever_is_not_its_fault(server):
    """An event on which Elasticsearch fails is kept as one; that it fails on this, too, is no reason to lose it."""

    def behave(attempt, pairs):
        error = {"status": 500, "error": {"type": "illegal_state_exception", "reason": "broken"}}
        return 200, [error if a["_id"] == "p1" or attempt <= 4 else server.store(a["_id"], d) for a, d in pairs]

    server.behave = behave
    with ship(server, 3) as shipper:
        stats = shipper.stats()
    assert (stats.waiting, stats.lost) == (0, 0)
    assert stats.sent + stats.dead == 3
    letters = [d for d in server.stored.values() if d["event"]["dataset"] == "driftline.deadletter"]
    assert "p1" in {json.loads(letter["event"]["original"])["event"]["id"] for letter in letters}


def test_a_process_that_just_ends_sends_what_it_took(server):
    """Nobody has to remember to close."""
    script = """
import sys
from driftline.ingest import ModelLogger, Shipper, configure
configure("job", shipper=Shipper(sys.argv[1], max_age=600))
model = ModelLogger("m", "regression")
for number in range(50):
    model.prediction(id=f"p{number}", value=number)
"""
    subprocess.run([sys.executable, "-c", script, server.url], check=True, timeout=60)
    assert predictions(server) == EVERYTHING
