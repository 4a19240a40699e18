"""Accounts: one set of credentials of one system, from the environment, `.env` or `accounts.toml`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values

from customer_assets.errors import ConfigurationError
from customer_assets.settings import Settings, _build, _toml, project_root
from customer_assets.sources.robaws_settings import RobawsSettings
from customer_assets.sources.sumit_settings import SumitSettings
from customer_assets.sources.zoho_settings import ZohoSettings

System = Literal["robaws", "zoho", "sumit"]


SYSTEMS: tuple[System, ...] = ("robaws", "zoho", "sumit")


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
