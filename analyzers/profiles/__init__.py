"""Profiles: the additive record of a window, the request that counts it, and where it is stored."""
