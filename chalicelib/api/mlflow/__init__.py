"""The surface that an unmodified MLflow client talks to, over the same domain code as our own."""
