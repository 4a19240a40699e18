"""A company's customers, spread over Robaws, Zoho Books and SUMIT, as one trustworthy PostgreSQL copy.

`open()` is for notebooks and scripts, `build_defs()` and `CustomerSync` for somebody else's Dagster; what they need is
loaded when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from customer_assets.component import CustomerSync
    from customer_assets.guest import build_defs
    from customer_assets.notebook import Assets
    from customer_assets.notebook import open_assets as open  # noqa: A004 (as in `import customer_assets as ca; ca.open()`)

__all__ = ["Assets", "CustomerSync", "build_defs", "open"]

_WHERE = {
    "Assets": ("customer_assets.notebook", "Assets"),
    "CustomerSync": ("customer_assets.component", "CustomerSync"),
    "build_defs": ("customer_assets.guest", "build_defs"),
    "open": ("customer_assets.notebook", "open_assets"),
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
