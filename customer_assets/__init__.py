"""A company's customers, spread over Robaws, Zoho Books and SUMIT, as one trustworthy PostgreSQL copy.

`open()` is for notebooks and scripts; what it needs is loaded when it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from customer_assets.notebook import Assets
    from customer_assets.notebook import open_assets as open  # noqa: A004 (as in `import customer_assets as ca; ca.open()`)

__all__ = ["Assets", "open"]


def __getattr__(name: str) -> Any:
    if name == "open":
        from customer_assets.notebook import open_assets

        return open_assets
    if name == "Assets":
        from customer_assets.notebook import Assets

        return Assets
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
