"""Rules tried on history before they call anybody: `driftline plan`."""
