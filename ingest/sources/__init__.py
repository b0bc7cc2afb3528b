"""Where events come from beside the logger: files of past predictions."""
