"""A script that scores a whole table, and logs it in one call.

pip install driftline pandas scikit-learn
python batch_scoring.py
"""

import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from driftline.ingest import ModelLogger, Shipper, configure

FEATURES = ["days_away", "monthly_fee"]


def customers(number: int) -> pd.DataFrame:
    """The table; yours comes from a file or a database."""
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "customer": np.arange(number),
            "days_away": random.exponential(30, number).round(1),
            "monthly_fee": random.choice([10.0, 20.0, 60.0, 90.0], number),
            "region": random.choice(["eu", "us"], number),
        }
    )


def main() -> int:
    """Score, log and say what became of it, in the cluster at ELASTICSEARCH_URL."""
    frame = customers(5_000)
    model = LogisticRegression().fit([[2, 90], [5, 60], [40, 20], [90, 10]], [0, 0, 1, 1])
    score = model.predict_proba(frame[FEATURES].to_numpy())[:, 1]
    now = datetime.now(UTC)
    with Shipper(namespace="shop", block=True) as shipper:  # a script may wait; what it logs is not dropped
        configure(service="churn-nightly", shipper=shipper)
        ModelLogger("churn", task="binary", version="1.0").predictions(
            # The same id again is the same prediction: a run that is repeated stores nothing twice.
            ids=frame["customer"].map(f"customer-{{}}-{now:%Y-%m-%d}".format),
            score=score,
            label=np.where(score >= 0.5, "leaves", "stays"),
            features=frame[FEATURES],
            segments=frame[["region"]],
            timestamp=now,
        )
        stats = shipper.close()
    print(f"{stats.sent:,} predictions stored, {stats.duplicates:,} were there already, {stats.dead:,} refused")
    return 0 if stats.sent + stats.duplicates == len(frame) else 1


if __name__ == "__main__":
    sys.exit(main())
