"""What is found on an incident: how much, who, since when, what changed, why, and the rows behind it."""

from .gather import gather

__all__ = ["gather"]
