"""Settings of Zoho Books."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from customer_assets.settings import Region, SystemSettings


class ZohoSettings(SystemSettings, toml_table="zoho"):
    """Zoho Books. Defaults and their sources: docs/systems/zoho.md."""

    model_config = SettingsConfigDict(env_prefix="ZOHO_")

    api_url: str = Field("https://www.zohoapis.eu", description="API base of the data centre")
    accounts_url: str = Field("https://accounts.zoho.eu", description="Accounts server of the data centre")
    books_path: str = Field("/books/v3", description="Path prefix of Books")
    client_id: SecretStr | None = Field(None, description="OAuth client id")
    client_secret: SecretStr | None = Field(None, description="OAuth client secret")
    refresh_token: SecretStr | None = Field(None, description="OAuth refresh token with the Books read scopes")
    organization_id: str | None = Field(None, description="Sent on every call")
    calls_per_minute: float = Field(40.0, gt=0, description="Pace; blocks were seen at 54 a minute")
    burst: int = Field(40, ge=1, description="Calls that may go at once after a quiet minute")
    call_budget: int = Field(800, ge=1, description="Calls one run may spend, details included")
    daily_reserve: int = Field(200, ge=0, description="Calls of the day's quota that bulk work leaves untouched")
    detail_budget: int = Field(300, ge=0, description="Contact details one run may ask for")
    modified_since: Literal["off", "try"] = Field("try", description="Filter contacts by last_modified_time; checked")
    overlap_seconds: int = Field(300, ge=0, description="How far an incremental pull reaches back before the watermark")
    full_scan_days: float = Field(7.0, ge=0, description="A full scan at least this often; it alone finds deletions")
    phone_region: Region = Field(
        None, description="Country (`BE`) of this account's phone numbers; unset: DEFAULT_REGION"
    )
    connect_timeout: float = Field(5.0, gt=0, description="Seconds")
    read_timeout: float = Field(30.0, gt=0, description="Seconds")
    retry_seconds: float = Field(150.0, ge=0, description="Total budget for retries of one call, in seconds")
