"""The events that the benchmark sends: predictions with ten numbers and five categories."""

from __future__ import annotations

import random
from typing import Any

from driftline.ingest.events import Prediction, Source

NUMBERS = [f"n{position}" for position in range(10)]
WORDS = [f"c{position}" for position in range(5)]


def features(chance: random.Random) -> dict[str, Any]:
    """One row of 15 features."""
    numbers = {name: chance.gauss(50, 10) for name in NUMBERS}
    return numbers | {name: f"category-{chance.randrange(20)}" for name in WORDS}


def documents(count: int, namespace: str) -> list[dict[str, Any]]:
    """Documents of so many predictions, always the same but for their ids."""
    chance = random.Random(7)
    source = Source("checkout", "1.0", "production", namespace)
    return [
        Prediction(
            model="fraud",
            task="binary",
            version="1.0",
            id=f"{namespace}-{number}",
            score=chance.random(),
            label="fine",
            features=features(chance),
            segments={"channel": chance.choice(["web", "app"])},
        ).to_document(source)
        for number in range(count)
    ]
