"""Which windows are to be analysed: those whose content, bins or judging differ from what is stored. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .cluster import Content
from .windows import Window, WindowSize, complete, iso

if TYPE_CHECKING:
    from .profiles.history import Kept

    Known = Mapping[tuple[str, datetime], Kept]

EMPTY = "0/0/0/0/0"
"""The digest of a window without predictions."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A window to analyse.

    Attributes:
        content: What it holds now.
        counted: Whether its stored profile still counts the same, so that only the verdicts are to be made anew.
    """

    content: Content
    counted: bool


def with_gaps(contents: Iterable[Content], size: WindowSize) -> Iterator[Content]:
    """The windows in order of time, with the empty ones between them: silence is a finding too.

    An empty window belongs to the version that was seen last.
    """
    last: Content | None = None
    for content in sorted(contents, key=lambda content: (content.window, content.version)):
        if last is not None and last.window.end < content.window.start:
            for window in size.between(last.window.end, content.window.start):
                yield Content(last.version, window, EMPTY, iso(window.end))
        yield content
        last = content


def stale_windows(
    contents: Iterable[Content],
    known: Known,
    lateness: timedelta,
    now: datetime,
    binning: str,
    judging: Callable[[Kept], str],
) -> list[Stale]:
    """The complete windows that differ from what is stored, or were judged by something else than `judging` tells."""
    found = []
    for content in contents:
        if not complete(content.window, lateness, now):
            continue
        kept = known.get((content.version, content.window.start))
        counted = kept is not None and (kept.content, kept.binning) == (content.digest, binning)
        if not (counted and kept is not None and kept.judged == judging(kept)):
            found.append(Stale(content, counted))
    return found


def rollup_contents(known: Known, size: WindowSize, binning: str) -> list[Content]:
    """What each larger window holds, from the stored windows that it is the sum of."""
    groups: dict[tuple[str, Window], list[Kept]] = {}
    for kept in known.values():
        if kept.binning == binning:
            groups.setdefault((kept.version, size.at(kept.window.start)), []).append(kept)
    return [
        Content(version, window, _digest(parts), max(part.as_of for part in parts))
        for (version, window), parts in groups.items()
    ]


def _digest(parts: Iterable[Kept]) -> str:
    text = "".join(f"{iso(kept.window.start)}={kept.content};" for kept in sorted(parts, key=lambda k: k.window))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
