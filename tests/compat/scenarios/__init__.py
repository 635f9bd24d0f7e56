"""Scenarios: what the `mlflow` package is asked to do. They run where it is installed."""
