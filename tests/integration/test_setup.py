"""Setup: idempotent, and honest about what a cluster lacks."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from synthetic import documents, sample

from driftline.analyzers import setup
from driftline.analyzers.setup import Action
from driftline.cli import main
from driftline.ingest.events import Task


def test_a_second_setup_changes_nothing(client):
    """Everything is there already."""
    assert set(setup.install(client).actions.values()) == {Action.UNCHANGED}


def test_an_asset_that_differs_is_updated(client):
    """What another version of Driftline installed is brought up to date, and nothing else is touched."""
    stored = client.ingest.get_pipeline(id="driftline-events")["driftline-events"]
    client.ingest.put_pipeline(id="driftline-events", processors=stored["processors"], meta={"digest": "old"})
    actions = setup.install(client).actions
    assert actions.pop("pipelines/driftline-events") is Action.UPDATED
    assert set(actions.values()) == {Action.UNCHANGED}


def test_an_index_that_is_there_gets_the_fields_that_were_added_since(client, streams):
    """A monitoring index made by an older version can be searched by what newer ones write."""
    old = {"dynamic": False, "properties": {"metric": {"properties": {"name": {"type": "keyword"}}}}}
    older = f"older-{streams.namespace}"
    client.indices.put_index_template(
        name=older, index_patterns=[streams.metrics], priority=900, template={"mappings": old}
    )
    try:
        client.indices.create(index=streams.metrics)
    finally:
        client.indices.delete_index_template(name=older)
    setup.install(client)
    found = client.indices.get_mapping(index=streams.metrics)[streams.metrics]["mappings"]
    assert found["properties"]["metric"]["properties"]["alarm"]["type"] == "keyword"


def test_what_the_cluster_lacks_is_said_with_what_follows(client, elasticsearch_url):
    """Each optional feature that is off is named once, in words and for machines."""
    lacking = setup.install(client).lacking
    result = CliRunner().invoke(main, ["setup", "--url", elasticsearch_url])
    assert result.exit_code == 0
    for feature, consequence in lacking.items():
        assert f"lacking    {feature}: {consequence}" in result.output
    found = json.loads(CliRunner().invoke(main, ["setup", "--json", "--url", elasticsearch_url]).output)
    assert found["lacking"] == lacking
    assert set(found["assets"].values()) == {"unchanged"}


def test_every_asset_is_plain_json_with_a_description():
    """Assets are as Elasticsearch takes them, and each says what it is for."""
    found = setup.assets()
    assert {asset.kind for asset in found} == {"pipelines", "components", "indices", "roles"}
    for asset in found:
        meta = asset.body.get("_meta") or asset.body["metadata"]
        assert meta["description"].endswith(".")
        assert meta["managed_by"] == "driftline"


def test_documents_get_the_time_they_were_ingested(ship, client, streams):
    """The pipeline sets `event.ingested` on every document, and outcomes wait."""
    ship(documents(sample(Task.BINARY, 20), streams.namespace))
    for index in (streams.predictions, streams.outcomes):
        client.indices.refresh(index=index)
        hits = client.search(index=index, size=50)["hits"]["hits"]
        assert hits
        assert all("ingested" in hit["_source"]["event"] for hit in hits)


def test_a_cluster_that_is_too_old_is_refused():
    """The version it has and the version that is needed are named."""

    class Old:
        @staticmethod
        def info():
            return {"version": {"number": "8.19.2"}}

    with pytest.raises(setup.SetupError, match=r"runs Elasticsearch 8\.19\.2; Driftline needs 9\.0 or newer"):
        setup.install(Old())
