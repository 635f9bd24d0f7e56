"""Frozen dataclasses, one file a noun."""
