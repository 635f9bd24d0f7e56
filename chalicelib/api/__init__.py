"""The surfaces: each parses, makes one domain call and renders."""
