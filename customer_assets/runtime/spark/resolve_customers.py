"""What spark-submit runs: resolves customers with the engine spark, and tells Dagster through Pipes what came of it."""

from __future__ import annotations

import os
from dataclasses import asdict

from dagster_pipes import open_dagster_pipes

from customer_assets.pipeline.context import Context
from customer_assets.pipeline.identity.resolve import resolve_customers
from customer_assets.runtime.spark import DATABASE
from customer_assets.settings import Settings


def main() -> None:
    """Resolve, as the step that submitted this would."""
    with open_dagster_pipes() as pipes:
        settings = Settings().model_copy(update=pipes.get_extra("settings"))
        context = Context(os.environ[DATABASE], settings, trigger="dagster", dagster_run_id=pipes.run_id)
        pipes.log.info("customers are resolved on Spark")
        pipes.report_custom_message(asdict(resolve_customers(context, full=bool(pipes.get_extra("full")))))


if __name__ == "__main__":
    main()
