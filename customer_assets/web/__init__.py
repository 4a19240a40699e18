"""Web app: receiver, JSON API, health."""
