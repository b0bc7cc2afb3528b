"""Drift with a cause: what happened to a feature, where its counts tell. Pure."""

from .cause import Cause, Kind

__all__ = ["Cause", "Kind"]
