"""A Flask service that logs its predictions, under gunicorn with several workers.

pip install driftline flask gunicorn scikit-learn
gunicorn --workers 3 flask_service:app

The shipper starts its threads with the first prediction, so in each worker for itself, also with --preload, where this
module is imported once and the workers are forked from it. A worker that is told to stop sends what it has left.
"""

import time

from flask import Flask, request
from sklearn.linear_model import LogisticRegression

from driftline.ingest import ModelLogger, Shipper, configure

configure(service="churn-api", shipper=Shipper(namespace="shop"))  # in the cluster at ELASTICSEARCH_URL
churn = ModelLogger("churn", task="binary", version="1.0")
# Yours comes from a file: here, who came lately and pays much stays.
model = LogisticRegression().fit([[2, 90], [5, 60], [40, 20], [90, 10]], [False, False, True, True])

app = Flask(__name__)


@app.post("/predictions")
def predict() -> dict[str, str | float]:
    """Predict, and give the id that the outcome will name; a request that the model cannot answer is logged as such."""
    customer = request.get_json()
    features = {name: customer.get(name) for name in ("days_away", "monthly_fee")}
    started = time.perf_counter()
    try:
        score = float(model.predict_proba([list(features.values())])[0, 1])
    except Exception as error:
        churn.prediction(features=features, error=error)
        raise
    duration = time.perf_counter() - started
    label = "leaves" if score >= 0.5 else "stays"
    segments = {"region": customer.get("region")}
    identity = churn.prediction(score=score, label=label, features=features, segments=segments, duration=duration)
    return {"id": identity, "label": label, "score": score}


@app.post("/outcomes/<identity>")
def outcome(identity: str) -> tuple[str, int]:
    """Take what came true of a prediction."""
    churn.outcome(identity, label=request.get_json()["label"])
    return "", 202
