"""Settings of SUMIT."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from customer_assets.settings import Region, SystemSettings


class SumitSettings(SystemSettings, toml_table="sumit"):
    """SUMIT. Defaults and their sources: docs/systems/sumit.md."""

    model_config = SettingsConfigDict(env_prefix="SUMIT_")

    base_url: str = Field("https://api.sumit.co.il", description="Base address")
    company_id: int | None = Field(None, description="CompanyID of the credentials")
    api_key: SecretStr | None = Field(None, description="APIKey of the credentials")
    dialect: Literal["real", "seed"] = Field("real", description="Which set of paths is spoken")
    conflict_policy: Literal["newest", "local", "remote", "review"] = Field(
        "newest", description="Who wins where both sides changed a field"
    )
    customers_folder: str | None = Field(None, description="Id of the customers folder; unset: found by its name")
    folder_names: list[str] = Field(["לקוחות", "Customers"], description="Names the customers folder may have")
    builtin_names: list[str] = Field(["לקוח כללי", "SUMIT"], description="Built-in records that are no customers")
    order_property: str = Field("ID", description="Property that orders the list; one that no edit changes")
    page_size: int = Field(1000, ge=10, le=1000, description="Rows per page")
    seconds_between_calls: float = Field(0.5, ge=0, description="Pace")
    pause_after_calls: int = Field(60, ge=1, description="After so many calls a longer pause is made")
    pause_seconds: float = Field(50.0, ge=0, description="That pause, 30 % more or less")
    block_wait_seconds: float = Field(
        57.0, ge=0, description="First wait after an empty 403, jittered by 20 %, doubling"
    )
    block_tries: int = Field(4, ge=1, description="Tries against an empty 403")
    call_budget: int = Field(200, ge=1, description="Calls one run may spend; they are billed")
    absent: Literal["keep", "clear"] = Field("keep", description="What an absent field means in a pull")
    update_mode: Literal["full", "partial"] = Field(
        "full",
        description="What an update sends: all mapped values, since it is unknown whether omitted ones are kept, or the "
        "changed ones alone",
    )
    read_before_push: Literal["on", "off"] = Field(
        "on",
        description="Read a customer again before it is written, so that nobody's edit is overwritten; one call each",
    )
    cleared_value: Literal["empty", "null"] = Field(
        "empty", description="How a cleared field is sent: an empty text, or null"
    )
    search_mode: int = Field(
        2,
        ge=2,
        le=6,
        description="SearchMode of a creation: 2 finds by our ExternalIdentifier; never 1, which doubles",
    )
    name_from: Literal["name", "company_name"] = Field(
        "name", description="Which column is sent as the name (real dialect); company_name falls back to name"
    )
    push_sources: list[str] = Field(
        [],
        description="Systems whose active customers all belong in SUMIT (JSON list); others are there when they came from "
        "SUMIT or were pushed by an operator",
    )
    nightly: Literal["off", "on"] = Field(
        "off", description="on: the 03:00 schedule does SUMIT, the 02:00 one leaves it"
    )
    phone_region: Region = Field(
        None, description="Country (`BE`) of this account's phone numbers; unset: DEFAULT_REGION"
    )
    connect_timeout: float = Field(5.0, gt=0, description="Seconds")
    read_timeout: float = Field(30.0, gt=0, description="Seconds")
    retry_seconds: float = Field(60.0, ge=0, description="Total budget for retries of one read, in seconds")
