"""Read what was found: metrics, what is wrong now, and single predictions."""
