"""Rules of the cache, without a database."""
