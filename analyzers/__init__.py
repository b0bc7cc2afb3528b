"""Ask Elasticsearch for windowed counts, measure them against a reference, judge, and store the verdicts."""
