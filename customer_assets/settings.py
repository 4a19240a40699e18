"""Settings: environment variables or `.env`, lists and maps in `settings.toml`, several accounts in `accounts.toml`.

Parsed once per process into frozen values and handed down as arguments; nothing below `cli`, `assets` and `web` reads
the environment. docs/settings.md is tested against the classes here.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from customer_assets.errors import ConfigurationError


def _known_region(value: str | None) -> str | None:
    if value is not None and not (len(value) == 2 and value.isascii() and value.isalpha()):
        raise ValueError(f"{value!r} is no ISO 3166 alpha-2 code, such as BE")
    return value.upper() if value else None


Region = Annotated[str | None, AfterValidator(_known_region)]


def project_root() -> Path:
    """The project's folder: where this package is installed from, else the working directory."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "workspace.yaml").exists() else Path.cwd()


def secret_in_file(name: str, environment: Mapping[str, str | None]) -> str | None:
    """What the file holds that `NAME_FILE` names, or that systemd put into its folder of credentials; None for neither.

    Args:
        name: of the setting.
        environment: the process's, with the lines of `.env` beneath.

    Raises:
        ConfigurationError: the file cannot be read, or the setting is given itself, too.
    """
    path, folder = environment.get(f"{name}_FILE"), environment.get("CREDENTIALS_DIRECTORY")
    if not path:
        if not folder or not (Path(folder) / name).is_file():
            return None
        path = str(Path(folder) / name)
    elif environment.get(name):
        raise ConfigurationError(f"{name} and {name}_FILE are both set: keep one of them")
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"{name}_FILE: {path} cannot be read: {why}") from None


def known_environment() -> dict[str, str | None]:
    """The process's environment, with the lines of `.env` beneath."""
    return {**dotenv_values(project_root() / ".env"), **os.environ}


def _secrets_in_files(cls: type[BaseSettings]) -> dict[str, str]:
    environment = known_environment()
    found: dict[str, str] = {}
    for field, info in cls.model_fields.items():
        name = info.alias or f"{cls.model_config.get('env_prefix', '')}{field}".upper()
        if "SecretStr" in str(info.annotation) and (secret := secret_in_file(name, environment)) is not None:
            found[info.alias or field] = secret
    return found


class SystemSettings(BaseSettings):
    """The base of all settings. Environment beats `.env` beats the table of `settings.toml` named by `toml_table`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file_encoding="utf-8", env_ignore_empty=True)
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
        table = read_toml(project_root() / "settings.toml").get(cls.toml_table, {})
        files = InitSettingsSource(settings_cls, _secrets_in_files(settings_cls))
        return init_settings, files, env_settings, dotenv_settings, InitSettingsSource(settings_cls, table)


class WebSettings(SystemSettings, toml_table="general"):
    """The web app, and where it and Dagster find one another."""

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
    public_url: str | None = Field(
        None,
        alias="PUBLIC_URL",
        description="Where people reach the web app (https://customers.example.com): that host is answered to, and its cookies "
        "stay on TLS",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        alias="TRUSTED_PROXIES",
        description="Addresses and networks, comma-separated, whose word on a caller's address and scheme is taken",
    )
    session_hours: float = Field(12.0, gt=0, alias="SESSION_HOURS", description="A login of the console lasts so long")
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
    dagster_public_url: str | None = Field(
        None, alias="DAGSTER_PUBLIC_URL", description="Where people reach Dagster's UI; unset: DAGSTER_URL"
    )
    dagster_location: str = Field(
        "customer_assets", alias="DAGSTER_LOCATION", description="Name of our code location in that Dagster"
    )

    @field_validator("public_url", "dagster_public_url", "dagster_url")
    @classmethod
    def _known_address(cls, value: str | None) -> str | None:
        if value is not None and not (urlsplit(value).scheme in ("http", "https") and urlsplit(value).hostname):
            raise ValueError(f"{value!r} is no address such as https://customers.example.com")
        return value.rstrip("/") if value else None

    @field_validator("trusted_proxies")
    @classmethod
    def _known_networks(cls, value: str) -> str:
        for network in filter(None, map(str.strip, value.split(","))):
            ip_network(network, strict=False)
        return value

    @property
    def web_hosts(self) -> list[str]:
        """Host names that the web app answers to."""
        public = urlsplit(self.public_url or "").hostname
        return [*self.console_hosts, *([public] if public else [])]

    @property
    def is_behind_tls(self) -> bool:
        """Whether people reach the web app by https, whatever the last proxy speaks."""
        return (self.public_url or "").startswith("https://")


class LoginSettings(WebSettings, toml_table="general"):
    """An identity provider that people may log in with; users of the console's own stay for emergencies."""

    oidc_issuer: str | None = Field(
        None,
        alias="OIDC_ISSUER",
        description="Login by OpenID Connect: the provider, as its /.well-known/openid-configuration says it",
    )
    oidc_client_id: str | None = Field(None, alias="OIDC_CLIENT_ID", description="What the provider knows us by")
    oidc_client_secret: SecretStr | None = Field(None, alias="OIDC_CLIENT_SECRET", description="And the secret with it")
    oidc_roles: dict[str, Literal["viewer", "editor", "admin"]] = Field(
        {},
        alias="OIDC_ROLES",
        description='Group -> role, as JSON: {"crm-admins": "admin", "office": "editor", "*": "viewer"}; who is in none stays out',
    )
    oidc_groups_claim: str = Field("groups", alias="OIDC_GROUPS_CLAIM", description="Claim that says the groups")
    oidc_name: str = Field("OpenID Connect", alias="OIDC_NAME", description="What the button at the login says")

    @field_validator("oidc_issuer")
    @classmethod
    def _known_issuer(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://x")
        if not parts.hostname or (parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost")):
            raise ValueError(f"{value!r} is no https address")
        return value

    @model_validator(mode="after")
    def _whole_provider(self) -> Self:
        whole = (self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret)
        if any(whole) and not (all(whole) and self.oidc_roles):
            raise ValueError("OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_ROLES belong together")
        return self


class AlertSettings(LoginSettings, toml_table="general"):
    """Who is told of what went wrong, and of the night."""

    heartbeat_url: SecretStr | None = Field(
        None,
        alias="HEARTBEAT_URL",
        description="Called by Dagster's daemon every minute, so that somebody notices when it is not",
    )
    alert_url: SecretStr | None = Field(None, alias="ALERT_URL", description="Where failures are posted as JSON")
    alert_mail: str | None = Field(
        None, alias="ALERT_MAIL", description="Mail addresses, with commas between them, that get what ALERT_URL gets"
    )
    smtp_url: SecretStr | None = Field(
        None,
        alias="SMTP_URL",
        description="Mail server: smtp://user:password@host:587 (TLS as soon as it can), or smtps:// for TLS at once; the "
        "certificate must hold",
    )
    mail_from: str = Field("customer-assets@localhost", alias="MAIL_FROM", description="Sender of these mails")

    @field_validator("smtp_url")
    @classmethod
    def _known_server(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value is not None else None
        try:
            known = parts is None or (parts.scheme in ("smtp", "smtps") and parts.hostname and (parts.port or 1))
        except ValueError:
            known = False
        if not known:
            raise ValueError("write smtp://user:password@host:587, or smtps://")
        return value

    @model_validator(mode="after")
    def _whole_mail(self) -> Self:
        if bool(self.alert_addresses) != (self.smtp_url is not None):
            raise ValueError("ALERT_MAIL and SMTP_URL belong together: set both, or none")
        return self

    @property
    def alert_addresses(self) -> list[str]:
        """Who gets mails."""
        return [address for part in (self.alert_mail or "").split(",") if (address := part.strip())]

    @property
    def is_mailing(self) -> bool:
        """Whether alerts are mailed."""
        return self.smtp_url is not None


class NightSettings(AlertSettings, toml_table="general"):
    """Very many accounts in one night."""

    account_concurrency: int = Field(
        8, ge=1, alias="ACCOUNT_CONCURRENCY", description="Accounts that are synced at once"
    )
    account_minutes: float = Field(
        60.0,
        gt=0,
        alias="ACCOUNT_MINUTES",
        description="One account's share of a Dagster run; its calls are broken off then, and the next run goes on from there",
    )
    lock_wait_minutes: float = Field(
        30.0,
        ge=0,
        alias="LOCK_WAIT_MINUTES",
        description="How long a scheduled run waits for somebody who syncs the same account",
    )
    accounts_per_run: int | None = Field(
        None,
        ge=1,
        alias="ACCOUNTS_PER_RUN",
        description="Very many accounts: the nightly sync is several runs, each of so many of them; unset: one run",
    )
    fail_share: float = Field(
        0.05,
        ge=0,
        le=1,
        alias="FAIL_SHARE",
        description="Share of accounts that may fail before a run is red; an alert names them all the same",
    )


class Settings(NightSettings, toml_table="general"):
    """What belongs to no single system."""

    database_url: SecretStr | None = Field(
        None, alias="DATABASE_URL", description="Any PostgreSQL >= 15; unset: the embedded server"
    )
    dagster_database_url: SecretStr | None = Field(
        None,
        alias="DAGSTER_DATABASE_URL",
        description="Database of Dagster's own history; unset: `dagster` on the server of DATABASE_URL. Give each installation its own",
    )
    database_migrate: Literal["auto", "check"] = Field(
        "auto",
        alias="DATABASE_MIGRATE",
        description="auto: whatever starts brings the schema up to date; check: it only looks whether it is, and `db upgrade` does it",
    )
    migration_database_url: SecretStr | None = Field(
        None,
        alias="MIGRATION_DATABASE_URL",
        description="The same database as its owner, for `db upgrade`; unset: DATABASE_URL",
    )
    database_pool: int = Field(
        8, ge=1, alias="DATABASE_POOL", description="Connections that the web app keeps open for its pages"
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
    default_region: Region = Field(
        None,
        alias="DEFAULT_REGION",
        description="Country (`BE`) of phone numbers when nothing else tells; unset: such a number stays as received",
    )
    reminder_days: Literal["all", "weekdays", "workdays"] = Field(
        "all",
        alias="REMINDER_DAYS",
        description="On which days reminders go out; workdays leaves out the public holidays of the customer's country, too. "
        "A reminder of another day waits for the next",
    )
    clock_tolerance: float = Field(
        10.0,
        ge=0,
        alias="CLOCK_TOLERANCE",
        description="Minutes that a source's clock may be ahead of ours; a time of change further ahead counts as the moment of sight",
    )
    delete_share: float = Field(
        0.10,
        ge=0,
        le=1,
        alias="DELETE_SHARE",
        description="Largest share of a source one run may mark deleted; one row always may be, unless it is 0",
    )
    identity_accept: float = Field(
        9.0, alias="IDENTITY_ACCEPT", description="Weight of evidence from which two records are one customer"
    )
    identity_review: float = Field(
        7.5, alias="IDENTITY_REVIEW", description="Weight of evidence from which a person is asked"
    )
    identity_engine: Literal["auto", "process", "pool", "spark"] = Field(
        "auto",
        alias="IDENTITY_ENGINE",
        description="Where customers are resolved: process, pool (several of this machine), spark; auto: a pool from 50,000 records",
    )
    spark_master: str = Field(
        "local[*]", alias="SPARK_MASTER", description="Master of the Spark cluster, for the engine spark"
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
    raw_keep_days: float = Field(30.0, ge=0, alias="RAW_KEEP_DAYS", description="Raw pages older than this are pruned")
    delivery_keep_days: float | None = Field(
        None, ge=0, alias="DELIVERY_KEEP_DAYS", description="Settled deliveries and refusals; unset: RAW_KEEP_DAYS"
    )
    changes_keep_days: float | None = Field(
        None,
        ge=0,
        alias="CHANGES_KEEP_DAYS",
        description="History of changes, and so how far customers_as_of looks back; unset: for ever",
    )
    audit_keep_days: float | None = Field(
        None, ge=0, alias="AUDIT_KEEP_DAYS", description="The audit log; unset: for ever"
    )
    run_keep_days: float = Field(
        90.0, ge=0, alias="RUN_KEEP_DAYS", description="Dagster runs older than this are pruned"
    )
    report_to_dagster: Literal["on", "off"] = Field(
        "on", alias="REPORT_TO_DAGSTER", description="Tell Dagster of syncs that it did not start"
    )
    log_format: Literal["text", "json"] = Field(
        "text", alias="LOG_FORMAT", description="How the web app logs: lines for people, or one JSON object a line"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", alias="LOG_LEVEL", description="From which level the web app logs"
    )
    legacy_invoices: str | None = Field(
        None,
        alias="LEGACY_INVOICES",
        description="File or SQLAlchemy URL that the legacy_invoices asset imports",
    )
    legacy_invoices_account: str | None = Field(
        None,
        alias="LEGACY_INVOICES_ACCOUNT",
        description="Whose these invoices are, where accounts.toml has several accounts",
    )
    legacy_first_month: str = Field(
        "2000-01",
        alias="LEGACY_FIRST_MONTH",
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$",
        description="Where the timeline of old invoices begins (YYYY-MM); older ones go with those without a date",
    )
    legacy_invoices_table: str | None = Field(
        None, alias="LEGACY_INVOICES_TABLE", description="Table, when LEGACY_INVOICES is a database"
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


SettingsT = TypeVar("SettingsT", bound=SystemSettings)


def build(cls: type[SettingsT], values: Mapping[str, Any]) -> SettingsT:
    try:
        return cls(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "settings"
        name = field if field.isupper() else f"{cls.model_config.get('env_prefix', '')}{field}".upper()
        raise ConfigurationError(f"{name}: {first['msg']}") from None
    except (json.JSONDecodeError, ValueError) as error:
        raise ConfigurationError(f"settings of {cls.toml_table}: {error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from None
