"""The two seams (`table.Table`, `blobs.Blobs`), their AWS adapters, and one store a noun."""
