"""The names of data streams and indices."""

from __future__ import annotations

import pytest

from driftline.ingest.dead_letters import dead_letter
from driftline.ingest.events import Change, Outcome, Prediction, Source
from driftline.ingest.streams import Streams


def test_the_names_in_a_namespace():
    """Data streams follow the naming scheme of Elastic, type-dataset-namespace; indices are plain."""
    streams = Streams("shop_eu")
    assert streams.predictions == "logs-driftline.predictions-shop_eu"
    assert streams.outcomes == "logs-driftline.outcomes-shop_eu"
    assert streams.changes == "logs-driftline.changes-shop_eu"
    assert streams.deadletter == "logs-driftline.deadletter-shop_eu"
    assert streams.analyzer == "logs-driftline.analyzer-shop_eu"
    assert streams.distributions == "driftline-distributions-shop_eu"
    assert streams.profiles == "driftline-profiles-shop_eu"
    assert streams.metrics == "driftline-metrics-shop_eu"
    assert streams.alerts == "driftline-alerts-shop_eu"


@pytest.mark.parametrize(
    ("document", "stream"),
    [
        (Prediction(model="m", task="regression", value=1).to_document(Source()), "predictions"),
        (Outcome(id="p", value=1).to_document(Source()), "outcomes"),
        (Change(action="a").to_document(Source()), "changes"),
        (dead_letter({}, "broken", "Error", Source()), "deadletter"),
    ],
)
def test_each_kind_of_document_has_its_stream(document, stream):
    """Which one is said by the document itself, so that any shipper can route it."""
    parts = document["data_stream"]
    name = f"{parts['type']}-{parts['dataset']}-{parts['namespace']}"
    assert name == Streams().of(document["event"]["dataset"]) == getattr(Streams(), stream)
