"""The data sources that panels ask, by the uids that `grafana/provisioning/datasources` gives them."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DataSourceRef


def _elasticsearch(kind: str) -> DataSourceRef:
    return DataSourceRef(type_val="elasticsearch", uid=f"driftline-{kind}")


METRICS = _elasticsearch("metrics")
DISTRIBUTIONS = _elasticsearch("distributions")
ALERTS = _elasticsearch("alerts")
CHANGES = _elasticsearch("changes")
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="driftline-prometheus")
