"""The configurations of other shippers: honest about what was tested, and true to streams, ids and op types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftline.ingest.events import Dataset
from driftline.ingest.streams import Streams

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
SHIPPERS = PAGES / "shippers"
LOGGED = [dataset for dataset in Dataset if dataset != Dataset.SHIPPER]
"""What a log may hold; only the shipper itself writes the other one."""
UNTESTED = ("elastic-agent.yml", "filebeat.yml", "fluent-bit.yaml", "vector.yaml")


def read(name: str) -> Any:
    """A configuration, as YAML."""
    return yaml.safe_load((SHIPPERS / name).read_text(encoding="utf-8"))


def values(part: Any) -> Iterator[str]:
    """All texts in a configuration."""
    match part:
        case dict():
            for value in part.values():
                yield from values(value)
        case list():
            for value in part:
                yield from values(value)
        case str():
            yield part


@pytest.mark.parametrize("name", UNTESTED)
def test_what_was_not_tested_says_so(name):
    """In its first lines, and on the page."""
    head = (SHIPPERS / name).read_text(encoding="utf-8").split("\n\n")[0]
    assert "Not tested: this project could not run it." in head
    (row,) = [line for line in PAGES.joinpath("use-another-shipper.md").read_text().splitlines() if f"/{name})" in line]
    assert row.endswith("| no |")


def test_every_file_is_on_the_page_and_only_one_is_tested():
    """The list of these tests is that of the folder."""
    assert {file.name for file in SHIPPERS.iterdir()} == {*UNTESTED, "rsyslog.conf"}
    assert "# Tested: " in (SHIPPERS / "rsyslog.conf").read_text(encoding="utf-8")
    assert "(shippers/rsyslog.conf)" in PAGES.joinpath("use-another-shipper.md").read_text(encoding="utf-8")


def test_filebeat_writes_to_the_stream_that_an_event_names():
    """Under the id that it says, as a new document; what cannot be stored goes to the dead letters."""
    found = read("filebeat.yml")
    output = found["output.elasticsearch"]
    assert output["index"] == "logs-%{[data_stream.dataset]}-%{[data_stream.namespace]}"
    assert output["non_indexable_policy.dead_letter_index.index"] == Streams().deadletter
    steps = found["processors"]
    copied = [step["copy_fields"] for step in steps if "copy_fields" in step]
    assert [copy["fields"][0] for copy in copied] == [
        {"from": "event.id", "to": "@metadata._id"},
        {"from": "event.hash", "to": "@metadata._id"},
    ]
    assert copied[0]["when"] == {"not": copied[1]["when"]} == {"not": {"has_fields": ["event.hash"]}}
    assert {"add_fields": {"target": "@metadata", "fields": {"op_type": "create"}}} in steps
    assert found["filebeat.inputs"][0]["id"]


def test_elastic_agent_has_a_stream_for_each_dataset():
    """Each with the ids of its events, and as new documents."""
    (given,) = read("elastic-agent.yml")["inputs"]
    assert given["data_stream.namespace"] == "default"
    ids = {}
    for stream in given["streams"]:
        steps = str(stream["processors"])
        (ids[stream["data_stream"]["dataset"]],) = re.findall(r"'from': '(event\.\w+)', 'to': '@metadata._id'", steps)
        assert "{'add_fields': {'target': '@metadata', 'fields': {'op_type': 'create'}}}" in steps
    assert ids == {dataset: "event.hash" if dataset == Dataset.OUTCOMES else "event.id" for dataset in LOGGED}
    assert len({stream["id"] for stream in given["streams"]}) == len(LOGGED)


def test_fluent_bit_writes_to_the_stream_that_an_event_names():
    """Outcomes under `event.hash`, all others under `event.id`; what waits and the places in files are on disk."""
    found = read("fluent-bit.yaml")
    pipeline = found["pipeline"]
    outputs = {output["match"]: output for output in pipeline["outputs"]}
    ids = {match: output.get("id_key") for match, output in outputs.items()}
    assert ids == {"driftline.events": "$event['id']", "driftline.outcomes": "$event['hash']", "broken": None}
    for output in outputs.values():
        assert (output["write_operation"], output["index"]) == ("create", Streams().deadletter)
        assert output["retry_limit"] == "no_limits"
    for match in ("driftline.events", "driftline.outcomes"):
        assert outputs[match]["target_index"] == "logs-$data_stream['dataset']-$data_stream['namespace']"
    rules = [step["rule"].split() for step in pipeline["filters"] if step["name"] == "rewrite_tag"]
    tags = {d: [tag for key, regex, tag, _ in rules if "dataset" in key and re.search(regex, d)] for d in LOGGED}
    assert tags == {d: ["driftline.outcomes" if d == Dataset.OUTCOMES else "driftline.events"] for d in LOGGED}
    assert pipeline["inputs"][0]["db"]
    assert found["service"]["storage.path"]


def test_vector_writes_to_the_stream_that_an_event_names():
    """Under the id that it says, which is no field of the document; nothing is acknowledged before it is stored."""
    found = read("vector.yaml")
    sink = found["sinks"]["elasticsearch"]
    assert sink["bulk"] == {"action": "create", "index": "logs-{{ data_stream.dataset }}-{{ data_stream.namespace }}"}
    assert [sink["id_key"]] == sink["encoding"]["except_fields"]
    assert f".{sink['id_key']} = .event.hash || .event.id" in found["transforms"]["events"]["source"]
    assert sink["acknowledgements"] == {"enabled": True}
    assert (sink["buffer"]["type"], sink["buffer"]["when_full"]) == ("disk", "block")
    assert found["data_dir"]


@pytest.mark.parametrize("name", UNTESTED)
def test_all_datasets_and_the_dead_letters_are_known(name):
    """A configuration that forgets one would lose it in silence."""
    text = " ".join(values(read(name)))
    for dataset in LOGGED:
        assert dataset.removeprefix("driftline.") in text, dataset


@pytest.mark.parametrize("name", [*UNTESTED, "rsyslog.conf"])
def test_no_secret_is_in_a_file(name):
    """Keys and passwords come from the environment, or are left to the reader."""
    for line in (SHIPPERS / name).read_text(encoding="utf-8").splitlines():
        if given := re.search(r"(?:api_key|password|pwd)\b\s*[:=]\s*(.+)", line):
            assert "${" in given[1] or '"..."' in given[1], line
