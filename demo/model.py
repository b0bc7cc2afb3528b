"""The model: gradient boosting, trained on January and February of 2013."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

from .data import FEATURES, NUMBERS, TEXTS, between

NAME = "arrival-delay"
VERSION = "1.0"
TRAINED_FROM = datetime(2013, 1, 1, tzinfo=UTC)
TRAINED_UNTIL = datetime(2013, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model.

    Attributes:
        pipeline: Gives the probability that a flight arrives late.
        threshold: From this probability on a flight is predicted late: as many as truly were, in training.
        in_training: The probabilities of the training flights by index, each from a model that had not seen its day.
    """

    pipeline: Pipeline
    threshold: float
    in_training: pd.Series


def train(frame: pd.DataFrame) -> Trained:
    """Train on the flights of January and February whose arrival is known.

    The probabilities of the training months themselves are out of fold, by day: those of a model on its own training
    rows would flatter it, and everything after would look like a decline.
    """
    rows = between(frame, TRAINED_FROM, TRAINED_UNTIL)
    known = rows[rows["late"].notna()]
    late = known["late"].astype(bool)
    days = known["scheduled"].dt.strftime("%Y-%m-%d")
    # Elasticsearch works on the same cores: the booster's threads would wait for each other in loops, and slow both.
    with threadpool_limits(limits=1):
        held_out = cross_val_predict(
            _pipeline(), known[FEATURES], late, groups=days, cv=GroupKFold(5), method="predict_proba"
        )[:, 1]
        pipeline = _pipeline().fit(known[FEATURES], late)
    # A flight that never arrived was in no fold: it gets what the trained model says, as it would have got in service.
    scores = _scores(pipeline, rows)
    scores[known.index] = held_out
    return Trained(pipeline, float(np.quantile(held_out, 1 - late.mean())), scores)


def score(model: Trained, frame: pd.DataFrame) -> pd.Series:
    """The probability that each flight arrives late, by index; rows of the training months get theirs from training."""
    scores = _scores(model.pipeline, frame)
    scores.update(model.in_training)
    return scores


def _scores(pipeline: Pipeline, frame: pd.DataFrame) -> pd.Series:
    with threadpool_limits(limits=1):
        return pd.Series(pipeline.predict_proba(frame[FEATURES])[:, 1], index=frame.index)


def _pipeline() -> Pipeline:
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=200)
    columns = make_column_transformer((encode, TEXTS), ("passthrough", NUMBERS), verbose_feature_names_out=False)
    # Small trees and early depth limits: two months hold few independent days of weather.
    booster = HistGradientBoostingClassifier(
        learning_rate=0.06, max_iter=150, max_leaf_nodes=15, min_samples_leaf=100, random_state=0
    )
    return make_pipeline(columns, booster)
