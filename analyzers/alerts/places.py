"""Where links in alerts lead: the team's Kibana, and its runbooks."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..settings import Node

RUNBOOKS = "https://github.com/driftline/driftline/tree/main/docs/runbooks"
ENVIRONMENT = "KIBANA_URL"
_SPACE = re.compile(r"[a-z0-9_-]+")
_ALLOWED = "an address such as https://kibana.example:5601/base, without a user, a query or a fragment"


@dataclass(frozen=True, slots=True)
class Places:
    """Where links lead.

    Attributes:
        kibana: What addresses in Kibana begin with, the space included; empty: links are relative.
        runbooks: The folder of the runbooks, one page for each kind of trouble.
    """

    kibana: str = ""
    runbooks: str = RUNBOOKS

    @classmethod
    def parse(cls, root: Node) -> Places:
        """`kibana` and `alerts` at the top level of monitors.yml; without the first, what the environment names.

        Raises:
            ConfigError: Something in it is not allowed.
        """
        runbooks = RUNBOOKS
        if alerts := root.get("alerts"):
            alerts.keys({"runbooks"})
            runbooks = _address(node) if (node := alerts.get("runbooks")) else RUNBOOKS
        if kibana := root.get("kibana"):
            kibana.keys({"url", "space"})
        url, space = (kibana.get(key) if kibana else None for key in ("url", "space"))
        if url is None and (given := os.environ.get(ENVIRONMENT)):
            url = Node(f"${ENVIRONMENT}", "the address of Kibana", given)
        base = _address(url) if url else ""
        return cls(f"{base}{_of_space(space)}", runbooks)


def _address(node: Node) -> str:
    text = node.text()
    try:
        parts = urlsplit(text)
    except ValueError:
        node.refuse(_ALLOWED)
    # An address is stored with each incident and sent to people: a password in it would be, too.
    whole = parts.scheme in ("http", "https") and parts.hostname and text.isprintable() and " " not in text
    if not whole or parts.username is not None or parts.query or parts.fragment:
        hidden = Node(node.file, node.path, "***") if "@" in text else node
        hidden.refuse(_ALLOWED)
    return text.rstrip("/")


def _of_space(node: Node | None) -> str:
    if node is None:
        return ""
    if not _SPACE.fullmatch(node.text()):
        node.refuse("the identifier of a space: lower-case letters, digits, `_` and `-`")
    return "" if node.text() == "default" else f"/s/{node.text()}"
