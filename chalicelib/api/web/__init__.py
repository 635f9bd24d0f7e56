"""The web page: static files, and the one document that loads them."""
