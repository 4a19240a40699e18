"""Accounts: one set of credentials of one system, from the environment, `.env` or `accounts.toml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from customer_assets.errors import ConfigurationError
from customer_assets.settings import (
    Settings,
    SystemSettings,
    build,
    known_environment,
    project_root,
    read_toml,
    secret_in_file,
)
from customer_assets.sources.registry import SYSTEMS
from customer_assets.sources.system import PushSettings


@dataclass(frozen=True)
class Account:
    """One set of credentials of one system.

    Attributes:
        account: names it in every table.
        system: which system it is.
        settings: of the class that the system declares.
    """

    account: str
    system: str
    settings: Any


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
    def pushes_nightly(self) -> bool:
        """Whether the 03:00 schedule syncs both ways, and the 02:00 one leaves the systems that take pushes to it."""
        pushing = {name for name, system in SYSTEMS.items() if system.pushes is not None}
        found: list[PushSettings] = [a.settings for a in self.accounts if a.system in pushing]
        return any(settings.nightly == "on" for settings in found or [build_settings(name) for name in pushing])

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
    _check_settings_file(project_root() / "settings.toml")
    settings = build(Settings, {})
    accounts_file = project_root() / "accounts.toml"
    if accounts_file.exists():
        accounts = _accounts_from(accounts_file)
    else:
        accounts = [
            Account("default", system, built)
            for system in SYSTEMS
            if _is_configured(system, built := build_settings(system), where="")
        ]
    return Configuration(settings, tuple(accounts))


def _check_settings_file(path: Path) -> None:
    """Nothing in it is passed over in silence.

    Raises:
        ConfigurationError: a table or a key of it is no setting.
    """
    classes: list[type[SystemSettings]] = [Settings, *(system.settings for system in SYSTEMS.values())]
    tables = {cls.toml_table: cls for cls in classes}
    for name, table in read_toml(path).items():
        if name not in tables or not isinstance(table, dict):
            raise ConfigurationError(
                f"{path.name}: {name} is none of the tables {', '.join(map('[{}]'.format, tables))}"
            )
        fields = tables[name].model_fields
        known = {(info.alias or name).lower() for name, info in fields.items()}
        if unknown := [key for key in table if key.lower() not in known]:
            raise ConfigurationError(f"{path.name}: [{name}] has no {unknown[0]} (docs/settings.md)")


def build_settings(system: str) -> Any:
    """The settings of a system as environment and files give them, whether it has credentials or not."""
    return build(SYSTEMS[system].settings, {})


def _is_configured(system: str, settings: SystemSettings, *, where: str) -> bool:
    missing = [name for name in SYSTEMS[system].credentials if getattr(settings, name) is None]
    if len(missing) == len(SYSTEMS[system].credentials):
        return False
    if missing:
        names = ", ".join(f"{system}_{name}".upper() for name in missing)
        raise ConfigurationError(f"{system} is configured by half{where}: set {names}")
    return True


def _accounts_from(path: Path) -> list[Account]:
    """Each `[[accounts]]` table: `account`, `system`, and settings whose value names an environment variable."""
    tables = read_toml(path)
    accounts: list[Account] = []
    entries = tables.get("accounts", tables.get("account", []))
    if not isinstance(entries, list):
        raise ConfigurationError(f"{path.name}: write one [[accounts]] table per account")
    for number, entry in enumerate(entries, start=1):
        where = f" ({path.name}, entry {number})"
        system, name = entry.get("system"), entry.get("account", "default")
        if system not in SYSTEMS:
            raise ConfigurationError(f"unknown system {system!r}{where}; one of {', '.join(SYSTEMS)}")
        given = {k: v for k, v in entry.items() if k not in ("system", "account", "settings")} | entry.get(
            "settings", {}
        )
        values = {
            key.lower().removeprefix(f"{system}_"): _from_environment(system, key, value, where)
            for key, value in given.items()
        }
        unknown = values.keys() - SYSTEMS[system].settings.model_fields.keys()
        if unknown:
            raise ConfigurationError(f"unknown setting {', '.join(sorted(unknown))}{where}")
        settings = build(SYSTEMS[system].settings, values)
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
    known = known_environment()
    if (secret := secret_in_file(value, known)) is not None:
        return secret
    if value in known:
        return known[value]
    field = SYSTEMS[system].settings.model_fields.get(key.lower().removeprefix(f"{system}_"))
    is_secret = field is not None and "SecretStr" in str(field.annotation)
    if is_secret or re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", value):
        raise ConfigurationError(f"{key} names the environment variable {value}, which is not set{where}")
    return value
