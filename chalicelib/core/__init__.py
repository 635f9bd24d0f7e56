"""Vocabulary shared by every layer; does no input or output."""
