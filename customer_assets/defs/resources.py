"""The one resource: what a run works with, opened once per process, when it is first used."""

from functools import cache

import dagster as dg

from customer_assets.runtime.runtime import Runtime, open_runtime


class RuntimeResource(dg.ConfigurableResource[Runtime]):
    """Gives assets, checks, jobs and sensors the opened runtime; building definitions opens nothing."""

    def create_resource(self, context: dg.InitResourceContext) -> Runtime:  # noqa: ARG002 (Dagster's signature)
        """The runtime of this process."""
        return _of_this_process()


@cache
def _of_this_process() -> Runtime:
    return open_runtime()
