"""The one resource: what a run works with, opened once per process, when it is first used."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import dagster as dg
from pydantic import Field

from customer_assets.runtime.runtime import Runtime, open_runtime
from customer_assets.store.run_locks import living


class RuntimeResource(dg.ConfigurableResource[Runtime]):
    """Gives assets, checks, jobs and sensors the opened runtime; building definitions opens nothing.

    Attributes:
        is_guest: whether this is somebody else's Dagster.
        key_prefix, accounts: as `build_defs` was given them there.
    """

    is_guest: bool = False
    key_prefix: list[str] = Field(default=[])
    accounts: list[str] = Field(default=[])

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Runtime]:
        """The runtime of this process; while a run has it, the database knows that the run lives."""
        runtime = self.create_resource(context)
        if context.run is None:
            yield runtime
            return
        with living(runtime.url, context.run.run_id):
            yield runtime

    def create_resource(self, context: dg.InitResourceContext) -> Runtime:  # noqa: ARG002 (Dagster's signature)
        """The runtime of this process."""
        runtime = _of_this_process()
        return runtime.as_guest(self.key_prefix, self.accounts) if self.is_guest else runtime


@cache
def _of_this_process() -> Runtime:
    return open_runtime()
