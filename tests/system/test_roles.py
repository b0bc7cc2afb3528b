"""The roles that setup installs are enough for those whom they are for, on a cluster that asks who one is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from elasticsearch import Elasticsearch
from synthetic import EPOCH, documents, sample

from driftline.analyzers import monitors, runs
from driftline.analyzers.cluster import Cluster
from driftline.analyzers.windows import iso
from driftline.ingest.client import connect
from driftline.ingest.events import Task
from driftline.ingest.shipper import Shipper
from driftline.ingest.streams import Streams

MONITORS = f"""
models:
  - name: m
    task: regression
    window: 1h
    reference: {{start: {iso(EPOCH)}, end: {iso(EPOCH + timedelta(hours=2))}}}
"""


def test_the_role_of_the_analyzer_is_enough_to_analyse(secured, namespace):
    """It makes its own indices and the stream that tells how it does, and nothing is left unsaid."""
    configuration = monitors.parse(MONITORS, namespace=namespace)
    streams = configuration.streams

    with secured.set_up("driftline-analyzer") as admin:
        admin.security.put_user(username="analyzer", password="a-password", roles=["driftline-analyzer"])
        with Shipper(client=secured.connect, namespace=namespace, block=True) as shipper:
            for document in documents(sample(Task.REGRESSION, 200, days=0.2), namespace):
                shipper.send(document)
            assert shipper.flush(60)
        with connect(secured.url, basic_auth=("analyzer", "a-password")) as client:
            runs.analyze(Cluster(client, streams), configuration, datetime.now(UTC), pytest.fail)
        admin.indices.refresh(index=f"{streams.analyzer},{streams.distributions}")
        assert admin.count(index=streams.analyzer)["count"] == 4
        assert admin.count(index=streams.distributions)["count"] > 0


def test_a_service_that_may_not_write_loses_nothing_until_it_may(secured, namespace, caplog):
    """It writes elsewhere, so that requests are let in and each document is refused. The role of writers is enough."""
    streams = Streams(namespace)
    with secured.set_up("driftline-writer") as admin:
        elsewhere = [{"names": ["logs-other-*"], "privileges": ["create_doc", "auto_configure"]}]
        admin.security.put_role(name="elsewhere", indices=elsewhere)
        admin.security.put_user(username=namespace, password="a-password", roles=["elsewhere"])

        def as_service() -> Elasticsearch:
            return connect(secured.url, basic_auth=(namespace, "a-password"), max_retries=0)

        with Shipper(client=as_service, namespace=namespace, max_age=0.05) as shipper:
            for document in documents(sample(Task.REGRESSION, 20, days=0.2), namespace):
                shipper.send(document)
            assert not shipper.flush(1)
            waiting = shipper.stats()
            admin.security.put_user(username=namespace, roles=["driftline-writer"])
            assert shipper.flush(60)
            stored = shipper.stats()
        assert waiting.waiting == waiting.accepted > 0
        assert (stored.sent, stored.dead, stored.lost) == (stored.accepted, 0, 0)
        admin.indices.refresh(index=streams.predictions)
        assert admin.count(index=streams.predictions)["count"] == 20
    assert "takes no documents for now: action [indices:" in caplog.text
