"""ML model monitoring as a log-analytics pipeline on Elasticsearch.

`driftline.ingest` is what a serving process imports: it turns predictions, outcomes and changes into
structured events. `driftline.analyzers` asks Elasticsearch for windowed counts and judges them.
"""

__version__ = "0.1.0"
