"""Categories that changed their name, went away or came new."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

import numpy as np

from .categories import Categories
from .cause import Guess, Kind, percent

SHOWN = 3
CHANCE = 1e-4
"""So improbable must it be that none of a category is in a window by chance."""
LEAST = 0.01
DEVIATIONS = 4.0


def normal(name: str) -> str:
    """A name without case, accents, blanks and punctuation; the name itself where nothing else is in it."""
    parts = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in parts if letter.isalnum()) or name


def recased(change: Categories) -> Iterator[Guess]:
    """Unseen categories that are known ones but for case, accents, blanks and punctuation."""
    by_normal = {normal(name): name for name in reversed(change.known)}
    pairs = {new: by_normal[normal(new)] for new in change.unseen if normal(new) in by_normal}
    if pairs:
        yield _renamed(change, Kind.RECASED, pairs, "categories are spelled otherwise")


def renamed(change: Categories) -> Iterator[Guess]:
    """Known categories that went away and unseen ones, as many of each, pair by pair of one share."""
    away = sorted(_away(change), key=lambda at: -change.expected[1 + at])
    came = sorted(change.unseen.items(), key=lambda pair: -pair[1])
    if not away or len(away) != len(came) or change.reference.other:
        return
    pairs = {}
    for at, (new, count) in zip(away, came, strict=True):
        usual, share = float(change.expected[1 + at]), count / change.size
        middle = (usual + share) / 2
        if abs(share - usual) > DEVIATIONS * np.sqrt(middle * (1 - middle) * change.smallness):
            return
        pairs[new] = change.known[at]
    yield _renamed(change, Kind.RENAMED, pairs, "categories have new names, to go by their shares")


def vanished(change: Categories) -> Iterator[Guess]:
    """Known categories of which none is left, while the others are as they were."""
    away = [1 + at for at in _away(change)]
    gone = float(change.expected[away].sum())
    if not away or gone > 0.9:
        return
    predicted = change.expected / (1 - gone)
    predicted[away] = 0.0
    text = f"{_listed([repr(change.known[at - 1]) for at in away])} vanished: {percent(gone)} of the reference"
    yield Guess(Kind.VANISHED, text, predicted)


def unseen(change: Categories) -> Iterator[Guess]:
    """Categories that the reference does not know, while the others are as they were."""
    usual, now = float(change.expected[-1]), float(change.observed[-1])
    middle = (usual + now) / 2
    if now - usual < max(LEAST, DEVIATIONS * float(np.sqrt(middle * (1 - middle) * change.smallness))) or usual == 1.0:
        return
    predicted = change.expected * (1 - now) / (1 - usual)
    predicted[-1] = now
    named = f": {_listed([repr(name) for name in change.unseen])}" if change.unseen else ""
    yield Guess(Kind.UNSEEN, f"{percent(now)} are in no known category, {percent(usual)} were{named}", predicted)


def _away(change: Categories) -> list[int]:
    """Known categories of which none is there, though many were expected."""
    none = (1 - change.expected[1:-1]) ** change.size < CHANCE
    found = none & (change.current.counts == 0) & (change.expected[1:-1] >= LEAST)
    return [int(at) for at in np.flatnonzero(found)]


def _renamed(change: Categories, kind: Kind, pairs: Mapping[str, str], what: str) -> Guess:
    predicted = change.expected.copy()
    position = {name: 1 + at for at, name in enumerate(change.known)}
    for new, old in pairs.items():
        share = change.unseen[new] / change.size
        predicted[position[old]] = max(0.0, float(predicted[position[old]]) - share)
        predicted[-1] += share
    listed = _listed([f"{old!r} is now {new!r}" for new, old in pairs.items()])
    return Guess(kind, f"{what}: {listed}", predicted)


def _listed(parts: list[str]) -> str:
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return ", ".join(parts[:SHOWN]) + more
