"""A FastAPI service that logs its predictions, and the outcomes that it is told.

pip install driftline fastapi uvicorn scikit-learn
uvicorn fastapi_service:app
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.linear_model import LogisticRegression

from driftline.ingest import ModelLogger, Shipper, configure

churn = ModelLogger("churn", task="binary", version="1.0")
# Yours comes from a file: here, who came lately and pays much stays.
model = LogisticRegression().fit([[2, 90], [5, 60], [40, 20], [90, 10]], ["stays", "stays", "leaves", "leaves"])
leaves = list(model.classes_).index("leaves")


class Customer(BaseModel):
    """What the model sees, and the region to look at one by one."""

    days_away: float
    monthly_fee: float
    region: str


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Ship from the start of this process to its end, in the cluster at ELASTICSEARCH_URL."""
    shipper = Shipper(namespace="shop")
    configure(service="churn-api", shipper=shipper)
    yield
    await asyncio.to_thread(shipper.close)  # sends what is left, while the event loop goes on


app = FastAPI(lifespan=lifespan)


@app.post("/predictions")
async def predict(customer: Customer) -> dict[str, str | float]:
    """Predict, and give the id that the outcome will name."""
    features = customer.model_dump(exclude={"region"})
    started = time.perf_counter()
    score = float(model.predict_proba([list(features.values())])[0, leaves])
    duration = time.perf_counter() - started
    label = "leaves" if score >= 0.5 else "stays"
    identity = churn.prediction(
        score=score, label=label, features=features, segments={"region": customer.region}, duration=duration
    )
    return {"id": identity, "label": label, "score": score}


@app.post("/outcomes/{identity}", status_code=202)
async def outcome(identity: str, label: Literal["leaves", "stays"]) -> None:
    """Take what came true of a prediction."""
    churn.outcome(identity, label=label)
