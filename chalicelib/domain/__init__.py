"""The rules. Takes stores as parameters; knows no HTTP, no vendor SDK and no pydantic."""
