"""Settings: environment variables or `.env`, lists and maps in `settings.toml`, several accounts in `accounts.toml`.

Parsed once per process into frozen values and handed down as arguments; nothing below `cli`, `assets` and `web` reads
the environment. docs/settings.md is tested against the classes here.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from customer_assets.errors import ConfigurationError

System = Literal["robaws", "zoho", "sumit"]
SYSTEMS: tuple[System, ...] = ("robaws", "zoho", "sumit")


def project_root() -> Path:
    """The project's folder: where this package is installed from, else the working directory."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "workspace.yaml").exists() else Path.cwd()


class _Settings(BaseSettings):
    """Environment beats `.env` beats the table of `settings.toml` named by `toml_table`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file_encoding="utf-8", env_ignore_empty=True
    )
    toml_table: ClassVar[str] = ""

    def __init_subclass__(cls, toml_table: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.toml_table = toml_table

    def __init__(self, **values: Any) -> None:
        super().__init__(_env_file=project_root() / ".env", **values)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        table = _toml(project_root() / "settings.toml").get(cls.toml_table, {})
        return init_settings, env_settings, dotenv_settings, InitSettingsSource(settings_cls, table)


class RobawsSettings(_Settings, toml_table="robaws"):
    """Robaws ERP. Defaults and their sources: the Robaws fact sheet."""

    model_config = SettingsConfigDict(env_prefix="ROBAWS_")

    base_url: str = Field(
        "https://app.robaws.com", description="Base address; the client appends /api/v2/..."
    )
    api_key: SecretStr | None = Field(None, description="API key of an API-only user")
    api_secret: SecretStr | None = Field(None, description="API secret of that user")
    webhook_secret: SecretStr | None = Field(
        None, description="Signing secrets of the webhook endpoint, comma-separated for rotation"
    )
    webhook_tolerance_seconds: int = Field(
        300, ge=1, description="How far a delivery's t may be off, both ways"
    )
    webhook_refusals_per_minute: int = Field(
        60, ge=1, description="Refused deliveries of one address, before it is answered without a look"
    )
    replica_reads: bool = Field(
        False, description="Full scans read the replica, which has a quota of its own"
    )
    sort: str = Field(
        "id:asc", description="Sort of the list; empty sends none. Dropped when the tenant answers 400"
    )
    incremental: Literal["off", "try"] = Field(
        "off", description="Try updatedFrom; checked that it really filtered"
    )
    requests_per_second: float = Field(14.5, gt=0, description="Pace; the documented limit is 15")
    burst: int = Field(
        19, ge=1, description="Calls that may go at once; the documented bucket holds about 20"
    )
    concurrency: int = Field(8, ge=1, description="Pages in flight")
    daily_reserve: int = Field(
        500, ge=0, description="Calls of the day's quota that bulk work leaves untouched"
    )
    connect_timeout: float = Field(5.0, gt=0, description="Seconds")
    read_timeout: float = Field(30.0, gt=0, description="Seconds")
    retry_seconds: float = Field(60.0, ge=0, description="Total budget for retries of one call, in seconds")
    absent_in_scan: Literal["null", "keep"] = Field(
        "null", description="What an absent key means in list and detail"
    )
    absent_in_webhook: Literal["null", "keep"] = Field(
        "keep", description="What an absent key means in a delivery"
    )
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


class ZohoSettings(_Settings, toml_table="zoho"):
    """Zoho Books. Defaults and their sources: the Zoho fact sheet."""

    model_config = SettingsConfigDict(env_prefix="ZOHO_")

    api_url: str = Field("https://www.zohoapis.eu", description="API base of the data centre")
    accounts_url: str = Field("https://accounts.zoho.eu", description="Accounts server of the data centre")
    books_path: str = Field("/books/v3", description="Path prefix of Books")
    client_id: SecretStr | None = Field(None, description="OAuth client id")
    client_secret: SecretStr | None = Field(None, description="OAuth client secret")
    refresh_token: SecretStr | None = Field(
        None, description="OAuth refresh token with the Books read scopes"
    )
    organization_id: str | None = Field(None, description="Sent on every call")
    calls_per_minute: float = Field(40.0, gt=0, description="Pace; blocks were seen at 54 a minute")
    burst: int = Field(40, ge=1, description="Calls that may go at once after a quiet minute")
    call_budget: int = Field(800, ge=1, description="Calls one run may spend, details included")
    daily_reserve: int = Field(
        200, ge=0, description="Calls of the day's quota that bulk work leaves untouched"
    )
    detail_budget: int = Field(300, ge=0, description="Contact details one run may ask for")
    modified_since: Literal["off", "try"] = Field(
        "try", description="Filter contacts by last_modified_time; checked"
    )
    overlap_seconds: int = Field(
        300, ge=0, description="How far an incremental pull reaches back before the watermark"
    )
    full_scan_days: float = Field(
        7.0, ge=0, description="A full scan at least this often; it alone finds deletions"
    )
    connect_timeout: float = Field(5.0, gt=0, description="Seconds")
    read_timeout: float = Field(30.0, gt=0, description="Seconds")
    retry_seconds: float = Field(150.0, ge=0, description="Total budget for retries of one call, in seconds")


class SumitSettings(_Settings, toml_table="sumit"):
    """SUMIT. Defaults and their sources: the SUMIT fact sheet."""

    model_config = SettingsConfigDict(env_prefix="SUMIT_")

    base_url: str = Field("https://api.sumit.co.il", description="Base address")
    company_id: int | None = Field(None, description="CompanyID of the credentials")
    api_key: SecretStr | None = Field(None, description="APIKey of the credentials")
    dialect: Literal["real", "seed"] = Field("real", description="Which set of paths is spoken")
    conflict_policy: Literal["newest", "local", "remote", "review"] = Field(
        "newest", description="Who wins where both sides changed a field"
    )
    customers_folder: str | None = Field(
        None, description="Id of the customers folder; unset: found by its name"
    )
    folder_names: list[str] = Field(
        ["לקוחות", "Customers"], description="Names the customers folder may have"
    )
    builtin_names: list[str] = Field(
        ["לקוח כללי", "SUMIT"], description="Built-in records that are no customers"
    )
    order_property: str = Field("ID", description="Property that orders the list; one that no edit changes")
    page_size: int = Field(1000, ge=10, le=1000, description="Rows per page")
    seconds_between_calls: float = Field(0.5, ge=0, description="Pace")
    pause_after_calls: int = Field(60, ge=1, description="After so many calls a longer pause is made")
    pause_seconds: float = Field(50.0, ge=0, description="That pause, jittered by 30 %")
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
    connect_timeout: float = Field(5.0, gt=0, description="Seconds")
    read_timeout: float = Field(30.0, gt=0, description="Seconds")
    retry_seconds: float = Field(60.0, ge=0, description="Total budget for retries of one read, in seconds")


class Settings(_Settings, toml_table="general"):
    """What belongs to no single system."""

    database_url: SecretStr | None = Field(
        None, alias="DATABASE_URL", description="Any PostgreSQL >= 15; unset: the embedded server"
    )
    home: Path = Field(
        Path(".customer_assets"),
        alias="CUSTOMER_ASSETS_HOME",
        description="Embedded data and the sandbox's state; relative to the project",
    )
    sandbox: bool = Field(
        False, alias="CUSTOMER_ASSETS_SANDBOX", description="Force the sandbox (what `--sandbox` sets)"
    )
    timezone: str = Field("Europe/Brussels", alias="SYNC_TIMEZONE", description="Time zone of the schedules")
    default_region: str = Field(
        "BE", alias="DEFAULT_REGION", description="Country of phone numbers when nothing else tells"
    )
    delete_share: float = Field(
        0.10,
        ge=0,
        le=1,
        alias="DELETE_SHARE",
        description="Largest share of a source one run may mark deleted, in whole rows rounded up",
    )
    identity_accept: float = Field(
        9.0, alias="IDENTITY_ACCEPT", description="Weight of evidence from which two records are one customer"
    )
    identity_review: float = Field(
        6.5, alias="IDENTITY_REVIEW", description="Weight of evidence from which a person is asked"
    )
    delete_confirmations: int = Field(
        50, ge=0, alias="DELETE_CONFIRMATIONS", description="Missing records one run asks for by id"
    )
    shrink_share: float = Field(
        0.10,
        ge=0,
        le=1,
        alias="SHRINK_SHARE",
        description="A scan smaller than the last by more is not complete",
    )
    resume_hours: float = Field(
        26.0,
        ge=0,
        alias="RESUME_HOURS",
        description="A cut scan younger than this is resumed, not begun anew",
    )
    raw_keep_days: float = Field(
        30.0, ge=0, alias="RAW_KEEP_DAYS", description="Raw pages older than this are pruned"
    )
    run_keep_days: float = Field(
        90.0, ge=0, alias="RUN_KEEP_DAYS", description="Dagster runs older than this are pruned"
    )
    report_to_dagster: Literal["on", "off"] = Field(
        "on", alias="REPORT_TO_DAGSTER", description="Tell Dagster of syncs that it did not start"
    )
    alert_url: SecretStr | None = Field(
        None, alias="ALERT_URL", description="Where failures are posted as JSON"
    )
    legacy_invoices: str | None = Field(
        None,
        alias="LEGACY_INVOICES",
        description="File or SQLAlchemy URL that the legacy_invoices asset imports",
    )
    legacy_invoices_table: str | None = Field(
        None, alias="LEGACY_INVOICES_TABLE", description="Table, when LEGACY_INVOICES is a database"
    )
    console_admin_password: SecretStr | None = Field(
        None,
        alias="CONSOLE_ADMIN_PASSWORD",
        description="Password of the first administrator; unset: made up, and shown once",
    )
    console_hosts: list[str] = Field(
        ["127.0.0.1", "localhost", "[::1]"],
        alias="CONSOLE_HOSTS",
        description="Host names that the web app answers to (JSON list; * for all)",
    )
    session_hours: float = Field(
        12.0, gt=0, alias="SESSION_HOURS", description="A login of the console lasts so long"
    )
    api_token: SecretStr | None = Field(
        None,
        alias="API_TOKEN",
        description="Bearer token of the JSON API; unset: it answers to this machine, and to logged-in users",
    )
    web_port: int = Field(8080, alias="WEB_PORT", description="Port of the web app under `dev`")
    dagster_port: int = Field(3000, alias="DAGSTER_PORT", description="Port of the Dagster UI under `dev`")
    dagster_url: str | None = Field(
        None,
        alias="DAGSTER_URL",
        description="Dagster's web server, to run the console's syncs there (`dev` sets it); unset: the web app runs them itself",
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no such time zone: {value}") from error
        return value

    @property
    def home_path(self) -> Path:
        """Absolute home folder."""
        return (project_root() / self.home).resolve()


SystemSettings = RobawsSettings | ZohoSettings | SumitSettings
SETTINGS_CLASSES: Mapping[str, type[RobawsSettings | ZohoSettings | SumitSettings]] = {
    "robaws": RobawsSettings,
    "zoho": ZohoSettings,
    "sumit": SumitSettings,
}
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "robaws": ("api_key", "api_secret"),
    "zoho": ("client_id", "client_secret", "refresh_token", "organization_id"),
    "sumit": ("company_id", "api_key"),
}


@dataclass(frozen=True)
class Account:
    """One set of credentials of one system: `account` names it in every table."""

    account: str
    system: System
    settings: SystemSettings


@dataclass(frozen=True)
class Configuration:
    """Everything a process needs to know, parsed."""

    settings: Settings
    accounts: tuple[Account, ...]

    @property
    def sandbox(self) -> bool:
        """Whether made-up data is meant: nothing is configured, or it was asked for."""
        return self.settings.sandbox or (not self.accounts and self.settings.database_url is None)

    @property
    def sumit_is_nightly(self) -> bool:
        """Whether the 03:00 schedule does SUMIT, and the 02:00 one leaves it."""
        found = [a.settings for a in self.accounts if isinstance(a.settings, SumitSettings)]
        return any(settings.nightly == "on" for settings in found or [_build(SumitSettings, {})])

    def of(self, system: str, account: str | None = None) -> list[Account]:
        """The configured accounts of one system, all of them or the one named.

        Raises:
            ConfigurationError: no account of that name has this system.
        """
        found = [a for a in self.accounts if a.system == system and account in (None, a.account)]
        if not found and account is not None:
            known = ", ".join(sorted({a.account for a in self.accounts if a.system == system})) or "none"
            raise ConfigurationError(f"no account {account!r} for {system}; accounts.toml knows: {known}")
        return found


def load_configuration() -> Configuration:
    """Read environment, `.env`, `settings.toml` and `accounts.toml`.

    Raises:
        ConfigurationError: a value does not parse, or a system is configured by half; the message names the setting.
    """
    settings = _build(Settings, {})
    accounts_file = project_root() / "accounts.toml"
    if accounts_file.exists():
        accounts = _accounts_from(accounts_file)
    else:
        accounts = [
            Account("default", system, built)
            for system in SYSTEMS
            if _is_configured(system, built := _build(SETTINGS_CLASSES[system], {}), where="")
        ]
    return Configuration(settings, tuple(accounts))


def build_settings(system: System) -> SystemSettings:
    """The settings of a system as environment and files give them, whether it has credentials or not."""
    return _build(SETTINGS_CLASSES[system], {})


SettingsT = TypeVar("SettingsT", bound=_Settings)


def _build(cls: type[SettingsT], values: Mapping[str, Any]) -> SettingsT:
    try:
        return cls(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "settings"
        name = field if field.isupper() else f"{cls.model_config.get('env_prefix', '')}{field}".upper()
        raise ConfigurationError(f"{name}: {first['msg']}") from None
    except (json.JSONDecodeError, ValueError) as error:
        raise ConfigurationError(f"settings of {cls.toml_table}: {error}") from None


def _is_configured(system: System, settings: SystemSettings, *, where: str) -> bool:
    missing = [name for name in CREDENTIALS[system] if getattr(settings, name) is None]
    if len(missing) == len(CREDENTIALS[system]):
        return False
    if missing:
        names = ", ".join(f"{system}_{name}".upper() for name in missing)
        raise ConfigurationError(f"{system} is configured by half{where}: set {names}")
    return True


def _accounts_from(path: Path) -> list[Account]:
    """Each `[[accounts]]` table: `account`, `system`, and settings whose value names an environment variable."""
    tables = _toml(path)
    accounts: list[Account] = []
    entries = tables.get("accounts", tables.get("account", []))
    if not isinstance(entries, list):
        raise ConfigurationError(f"{path.name}: write one [[accounts]] table per account")
    for number, entry in enumerate(entries, start=1):
        where = f" ({path.name}, entry {number})"
        system, name = entry.get("system"), entry.get("account", "default")
        if system not in SETTINGS_CLASSES:
            raise ConfigurationError(f"unknown system {system!r}{where}; one of {', '.join(SYSTEMS)}")
        given = {k: v for k, v in entry.items() if k not in ("system", "account", "settings")} | entry.get(
            "settings", {}
        )
        values = {
            key.lower().removeprefix(f"{system}_"): _from_environment(system, key, value, where)
            for key, value in given.items()
        }
        unknown = values.keys() - SETTINGS_CLASSES[system].model_fields.keys()
        if unknown:
            raise ConfigurationError(f"unknown setting {', '.join(sorted(unknown))}{where}")
        settings = _build(SETTINGS_CLASSES[system], values)
        if not _is_configured(system, settings, where=where):
            raise ConfigurationError(f"{system} has no credentials{where}")
        if any(a.account == name and a.system == system for a in accounts):
            raise ConfigurationError(f"account {name!r} of {system} stands twice{where}")
        accounts.append(Account(str(name), system, settings))
    return accounts


def _from_environment(system: str, key: str, value: Any, where: str) -> Any:
    """The environment variable (or line of `.env`) that a value names; other values stand for themselves."""
    if not isinstance(value, str):
        return value
    known = {**dotenv_values(project_root() / ".env"), **os.environ}
    if value in known:
        return known[value]
    field = SETTINGS_CLASSES[system].model_fields.get(key.lower().removeprefix(f"{system}_"))
    is_secret = field is not None and "SecretStr" in str(field.annotation)
    if is_secret or re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", value):
        raise ConfigurationError(f"{key} names the environment variable {value}, which is not set{where}")
    return value


def _toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from None
