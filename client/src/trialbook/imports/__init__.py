"""Runs of another tracker, copied to the service."""
