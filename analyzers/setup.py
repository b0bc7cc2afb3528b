"""Install Driftline's templates, pipelines and roles in a cluster, and say what the cluster lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson
from elasticsearch import ApiError, NotFoundError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

MINIMUM_VERSION = (9, 0)

OPTIONAL = {
    "security": "roles are not installed: anyone who reaches the cluster may read and write",
    "ilm": "index lifecycle policies are not available; retention is that of the data streams' own lifecycle",
    "watcher": "watches cannot be installed; `driftline run` alerts by itself",
    "esql": "ES|QL is not available; saved searches use KQL",
    "transform": "transforms are not available; none is needed",
}
"""What a cluster may lack, and what follows from it."""


class SetupError(RuntimeError):
    """The cluster cannot take what Driftline needs; the text says what and why."""


class Action(StrEnum):
    """What setup did to one asset."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of `index-templates/`: its kind, its name, and its body as Elasticsearch takes it."""

    kind: str
    name: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Installed:
    """What setup did, and what the cluster lacks (feature -> what follows)."""

    actions: dict[str, Action]
    lacking: dict[str, str]


def assets() -> list[Asset]:
    """All assets, in the order in which they depend on each other, each marked with a digest of its content."""
    root = files("driftline").joinpath("index_templates")
    found = []
    for kind in ("pipelines", "components", "indices", "roles"):
        for file in sorted(root.joinpath(kind).iterdir(), key=lambda entry: entry.name):
            if file.name.endswith(".json"):
                body = orjson.loads(file.read_bytes())
                digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
                mark = "metadata" if kind == "roles" else "_meta"
                body[mark] = {**body.get(mark, {}), "digest": digest}
                found.append(Asset(kind, file.name.removesuffix(".json"), body))
    return found


def dashboards() -> bytes:
    """Kibana's dashboards, data views and saved searches, one object a line, as it imports them."""
    return files("driftline").joinpath("kibana.ndjson").read_bytes()


def install(client: Elasticsearch) -> Installed:
    """Install what is missing or differs; a second call changes nothing.

    Raises:
        SetupError: The cluster is too old, or refuses an asset.
    """
    _require_version(client)
    lacking = dict(_lacking(client))
    actions = {}
    for asset in assets():
        if asset.kind == "roles" and "security" in lacking:
            continue
        try:
            actions[f"{asset.kind}/{asset.name}"] = _put(client, asset)
        except ApiError as error:
            msg = f"cannot install {asset.kind}/{asset.name}: {error.message} (HTTP {error.status_code})"
            raise SetupError(msg) from error
    for asset in assets():
        if asset.kind == "indices" and "data_stream" not in asset.body:
            _add_fields(client, asset)
    return Installed(actions, lacking)


def _add_fields(client: Elasticsearch, asset: Asset) -> None:
    """Give indices that are there already the fields that their template has gained; data streams roll over."""
    index = ",".join(asset.body["index_patterns"])
    properties = asset.body["template"]["mappings"]["properties"]
    try:
        if client.indices.get(index=index, allow_no_indices=True):
            client.indices.put_mapping(index=index, properties=properties)
    except ApiError as error:
        msg = f"cannot add the new fields of {asset.name} to {index}: {error.message} (HTTP {error.status_code})"
        raise SetupError(msg) from error


def _require_version(client: Elasticsearch) -> None:
    number = client.info()["version"]["number"]
    if tuple(int(part) for part in number.split(".")[:2]) < MINIMUM_VERSION:
        needed = ".".join(map(str, MINIMUM_VERSION))
        msg = f"the cluster runs Elasticsearch {number}; Driftline needs {needed} or newer"
        raise SetupError(msg)


def _lacking(client: Elasticsearch) -> Iterator[tuple[str, str]]:
    try:
        features = client.xpack.info(categories=["features"])["features"]
    except ApiError:
        features = {}
    for feature, consequence in OPTIONAL.items():
        state = features.get(feature, {})
        if not (state.get("available") and state.get("enabled")):
            yield feature, consequence


def _put(client: Elasticsearch, asset: Asset) -> Action:
    stored = _stored(client, asset)
    mark = "metadata" if asset.kind == "roles" else "_meta"
    if stored is not None and stored.get(mark, {}).get("digest") == asset.body[mark]["digest"]:
        return Action.UNCHANGED
    put: dict[str, Callable[[], Any]] = {
        "pipelines": lambda: client.ingest.put_pipeline(id=asset.name, body=asset.body),
        "components": lambda: client.cluster.put_component_template(name=asset.name, body=asset.body),
        "indices": lambda: client.indices.put_index_template(name=asset.name, body=asset.body),
        "roles": lambda: client.security.put_role(name=asset.name, body=asset.body),
    }
    put[asset.kind]()
    return Action.CREATED if stored is None else Action.UPDATED


def _stored(client: Elasticsearch, asset: Asset) -> dict[str, Any] | None:
    try:
        match asset.kind:
            case "pipelines":
                return dict(client.ingest.get_pipeline(id=asset.name)[asset.name])
            case "components":
                found = client.cluster.get_component_template(name=asset.name)
                return dict(found["component_templates"][0]["component_template"])
            case "indices":
                found = client.indices.get_index_template(name=asset.name)
                return dict(found["index_templates"][0]["index_template"])
            case _:
                return dict(client.security.get_role(name=asset.name)[asset.name])
    except NotFoundError:
        return None
