"""What is kept from Python's memory while very many records are resolved, and given back afterwards."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from customer_assets.domain.identity import contact_details, names


@contextmanager
def bulk() -> Iterator[None]:
    """No cyclic collection inside: profiles and rows are no cycles, and looking through all of them takes most of the time.

    At the end what was remembered of values is forgotten, as the next account has others; not while another thread compares
    profiles, which are of one numbering.
    """
    with _lock:
        _under_way.append(_under_way[0] if _under_way else gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            was_on = _under_way.pop()
            if not _under_way:
                names.forget()
                contact_details.forget()
                if was_on:
                    # what came up meanwhile is old from now on: the next collection of what is young would look through it all
                    gc.freeze()
                    gc.unfreeze()
                    gc.enable()


_lock = threading.Lock()
_under_way: list[bool] = []  # whether the collector was on before the first began, for each
