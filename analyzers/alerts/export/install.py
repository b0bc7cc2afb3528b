"""Install rules and connectors in Kibana, and watches in Elasticsearch: what is missing or differs, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson
from elasticsearch import NotFoundError

from ...kibana import Kibana
from ...setup import Action
from .files import Exported

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch


def install_rules(kibana: Kibana, made: Exported) -> dict[str, Action]:
    """Install connectors, then the rules that act by them.

    Raises:
        SetupError: Kibana does not answer, or refuses something.
    """
    wanted = (("connectors", made.connectors), ("rules", made.rules))
    return {
        f"{kind}/{identity}": kibana.put(kind, identity, body)
        for kind, bodies in wanted
        for identity, body in bodies.items()
    }


def install_watches(client: Elasticsearch, made: Exported) -> dict[str, Action]:
    """Install watches; the cluster must have Watcher."""
    return {f"watches/{identity}": _put_watch(client, identity, body) for identity, body in made.watches.items()}


def _put_watch(client: Elasticsearch, identity: str, body: Mapping[str, Any]) -> Action:
    # Elasticsearch gives a watch back with its defaults filled in, and its metadata as it came.
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    try:
        stored = client.watcher.get_watch(id=identity)["watch"]
    except NotFoundError:
        stored = None
    if stored is not None and stored.get("metadata", {}).get("digest") == digest:
        return Action.UNCHANGED
    client.watcher.put_watch(id=identity, **{**body, "metadata": {**body["metadata"], "digest": digest}})
    return Action.CREATED if stored is None else Action.UPDATED
