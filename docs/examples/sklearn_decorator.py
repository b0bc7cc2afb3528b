"""Models of scikit-learn, each of whose calls is logged without another line of code.

pip install driftline pandas scikit-learn
python sklearn_decorator.py
"""

import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from driftline.ingest import ModelLogger, Shipper, configure


def main() -> None:
    """Train three models, and predict with them, in the cluster at ELASTICSEARCH_URL."""
    with Shipper(namespace="shop") as shipper:
        configure(service="notebook", shipper=shipper)

        # A wrapper around a method: names of features and classes are the model's own.
        cancer = load_breast_cancer(as_frame=True)
        trained = HistGradientBoostingClassifier(max_iter=20).fit(cancer.data[100:], cancer.target[100:])
        predict_proba = ModelLogger("tumour", task="binary").watch(
            trained.predict_proba, threshold=0.7, ids=lambda frame: [f"tumour-{row}" for row in frame.index]
        )
        predict_proba(cancer.data[:100])

        # A decorator: the same for a function, with names for the classes.
        iris = load_iris(as_frame=True)
        flowers = make_pipeline(StandardScaler(), LogisticRegression()).fit(iris.data, iris.target)

        @ModelLogger("iris", task="multiclass").watch(classes=iris.target_names)
        def species(frame: pd.DataFrame) -> list[list[float]]:
            """The probability of each species."""
            return flowers.predict_proba(frame).tolist()

        species(iris.data[::3])

        # A regression model; an array has no names of columns, so they are given.
        diabetes = load_diabetes()
        fitted = LinearRegression().fit(diabetes.data, diabetes.target)
        ModelLogger("diabetes", task="regression").watch(fitted.predict, names=diabetes.feature_names)(diabetes.data)

        stats = shipper.close()
    print(f"{stats.sent:,} predictions stored, {stats.dead:,} refused")


if __name__ == "__main__":
    main()
