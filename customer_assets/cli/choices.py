"""What commands may be told to work on: from the registry, so that a new system is a choice everywhere."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from customer_assets.sources.registry import SYSTEMS

ALL = "all"

if TYPE_CHECKING:  # enums that are made of data have no static type
    SystemName: TypeAlias = str
    Target: TypeAlias = str
    Pushable: TypeAlias = str
else:
    SystemName = StrEnum("SystemName", [(name, name) for name in SYSTEMS])
    Target = StrEnum("Target", [(name, name) for name in (*SYSTEMS, ALL)])
    Pushable = StrEnum("Pushable", [(name, name) for name, system in SYSTEMS.items() if system.pushes is not None])
