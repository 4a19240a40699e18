"""Settings of Robaws."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from customer_assets.settings import Region, SystemSettings


class RobawsSettings(SystemSettings, toml_table="robaws"):
    """Robaws ERP. Defaults and their sources: docs/systems/robaws.md."""

    model_config = SettingsConfigDict(env_prefix="ROBAWS_")

    base_url: str = Field("https://app.robaws.com", description="Base address; the client appends /api/v2/...")
    api_key: SecretStr | None = Field(None, description="API key of an API-only user")
    api_secret: SecretStr | None = Field(None, description="API secret of that user")
    webhook_secret: SecretStr | None = Field(
        None, description="Signing secrets of the webhook endpoint, comma-separated for rotation"
    )
    webhook_tolerance_seconds: int = Field(300, ge=1, description="How far a delivery's t may be off, both ways")
    webhook_refusals_per_minute: int = Field(
        60, ge=1, description="Refused deliveries of one address, before it is answered without a look"
    )
    replica_reads: bool = Field(False, description="Full scans read the replica, which has a quota of its own")
    sort: str = Field("id:asc", description="Sort of the list; empty sends none. Dropped when the tenant answers 400")
    incremental: Literal["off", "try"] = Field("off", description="Try updatedFrom; checked that it really filtered")
    requests_per_second: float = Field(14.5, gt=0, description="Pace; the documented limit is 15")
    burst: int = Field(19, ge=1, description="Calls that may go at once; the documented bucket holds about 20")
    concurrency: int = Field(8, ge=1, description="Pages in flight")
    daily_reserve: int = Field(500, ge=0, description="Calls of the day's quota that bulk work leaves untouched")
    phone_region: Region = Field(
        None, description="Country (`BE`) of this account's phone numbers; unset: DEFAULT_REGION"
    )
    connect_timeout: float = Field(5.0, gt=0, description="Seconds")
    read_timeout: float = Field(30.0, gt=0, description="Seconds")
    retry_seconds: float = Field(60.0, ge=0, description="Total budget for retries of one call, in seconds")
    absent_in_scan: Literal["null", "keep"] = Field("null", description="What an absent key means in list and detail")
    absent_in_webhook: Literal["null", "keep"] = Field("keep", description="What an absent key means in a delivery")
    extra_fields: dict[str, list[str]] = Field(
        {"role": ["Role"], "whatsapp_client": ["WhatsApp client"]},
        description="Column -> names of the extra fields that feed it (JSON, or a table in settings.toml)",
    )
    extra_field_ids: dict[str, str] = Field({}, description="Extra field id -> name, for bodies keyed by id")

    @property
    def webhook_secrets(self) -> list[str]:
        """The signing secrets, one by one."""
        given = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        return [part.strip() for part in given.split(",") if part.strip()]
