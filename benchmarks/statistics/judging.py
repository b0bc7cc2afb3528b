"""How long it takes to judge a wide model from stored profiles: array arithmetic over counts, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import orjson
from benchmarks.figures import Figure
from benchmarks.statistics.judged import NO_LABELS, model, reference
from benchmarks.statistics.streams import Features, Life, latent, windows

from driftline.analyzers.grades import Book
from driftline.analyzers.profiles.binning import Binning
from driftline.analyzers.profiles.history import Counted
from driftline.analyzers.profiles.store import from_document, to_document
from driftline.analyzers.verdicts import chunks, standard, verdicts

FEATURES = Features(smooth=400, tied=300, named=300)
QUIET, JUDGED = 60, 30
ROWS = 2_000


def _read(stored: list[tuple[Counted, bytes]], binning: Binning) -> Iterator[Counted]:
    for window, document in stored:
        yield Counted(window.version, window.window, {None: from_document(orjson.loads(document), binning)})


def figures(say: Callable[[str], None]) -> list[Figure]:
    """The part's figures."""
    rng = np.random.default_rng(1)
    binning, settings = FEATURES.binning(), model(FEATURES, QUIET)
    moved = latent(rng, QUIET + JUDGED, FEATURES.count, Life())
    drawn = windows(rng, FEATURES, binning, np.full(QUIET + JUDGED, ROWS), moved)
    before = drawn[:QUIET]
    stored = [(window, orjson.dumps(to_document(window.profiles[None]))) for window in drawn]
    known = reference(before, binning)
    began = time.process_time()
    by = standard(settings, known, _read(stored[:QUIET], binning))
    learnt = time.process_time()
    count = sum(
        len(judged.verdicts)
        for chunk in chunks(_read(stored[QUIET:], binning))
        for judged in verdicts(settings, known, by, chunk, Book(), NO_LABELS)
    )
    done = time.process_time()
    say(f"  {count:,} verdicts")
    return [
        Figure.at_most("judging 1,000 features x 30 windows from stored profiles, seconds", done - learnt, 10.0),
        Figure("learning from 60 quiet windows of 1,000 features, seconds", round(learnt - began, 2)),
    ]
