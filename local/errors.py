"""What can go wrong with a local Elasticsearch."""


class LocalError(RuntimeError):
    """The local Elasticsearch cannot be brought where it should be; the text says why and what to do."""
