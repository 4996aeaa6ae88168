"""One settings module a purpose: base, local, production, test."""
