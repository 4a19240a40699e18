"""Pulling, landing, loading."""
