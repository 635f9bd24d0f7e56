"""How well artifacts are found, and how fast."""
