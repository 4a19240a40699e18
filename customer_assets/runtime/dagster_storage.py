"""Dagster's own storage: a database beside ours, on the embedded server when no other is configured."""

from __future__ import annotations

from typing import Any

from dagster_postgres import DagsterPostgresStorage


class CustomerAssetsStorage(DagsterPostgresStorage):
    """`storage.custom` of dagster.yaml; takes no configuration, so that every process finds the same database."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No settings of its own."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> CustomerAssetsStorage:  # noqa: ARG003
        """Start or join the server, and use its database for Dagster."""
        from customer_assets.runtime.runtime import dagster_storage_url

        return cls(postgres_url=dagster_storage_url(), inst_data=inst_data)
