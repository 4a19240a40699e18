"""One module per API over a shared base: auth, paging, pacing, retry. Knows nothing of Dagster or of tables."""
