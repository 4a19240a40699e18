"""Settings: parsed once, half a configuration refused, accounts by environment-variable names."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_assets import accounts, settings
from customer_assets.accounts import build_settings, load_configuration
from customer_assets.errors import ConfigurationError
from customer_assets.sources.robaws.settings import RobawsSettings


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (settings, accounts):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    return tmp_path


def configure_robaws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBAWS_API_KEY", "k")
    monkeypatch.setenv("ROBAWS_API_SECRET", "s")


def test_nothing_set_means_the_sandbox() -> None:
    configuration = load_configuration()
    assert configuration.sandbox
    assert configuration.accounts == ()


def test_a_database_alone_is_not_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql:///x")
    assert not load_configuration().sandbox


def test_environment_beats_env_file_beats_settings_toml(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure_robaws(monkeypatch)
    (root / "settings.toml").write_text(
        '[robaws]\nburst = 3\nconcurrency = 2\nread_timeout = 1\n[robaws.extra_fields]\nrole = ["Rol"]\n'
    )
    (root / ".env").write_text("ROBAWS_BURST=4\nROBAWS_CONCURRENCY=5\n")
    monkeypatch.setenv("ROBAWS_BURST", "6")
    (account,) = load_configuration().of("robaws")
    found = account.settings
    assert isinstance(found, RobawsSettings)
    assert (found.burst, found.concurrency, found.read_timeout, found.extra_fields) == (
        6,
        5,
        1.0,
        {"role": ["Rol"]},
    )


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("robaws", {"base_url": "https://app.robaws.com", "requests_per_second": 14.5, "burst": 19}),
        (
            "zoho",
            {
                "api_url": "https://www.zohoapis.eu",
                "accounts_url": "https://accounts.zoho.eu",
                "calls_per_minute": 40.0,
                "burst": 40,
            },
        ),
        ("sumit", {"base_url": "https://api.sumit.co.il", "dialect": "real", "conflict_policy": "newest"}),
    ],
)
def test_nothing_set_is_what_the_contract_promises(system: str, expected: dict[str, object]) -> None:
    found = build_settings(system)
    assert {name: getattr(found, name) for name in expected} == expected
    assert load_configuration().settings.timezone == "Europe/Brussels"
    assert load_configuration().settings.delete_share == 0.1


def test_general_settings_stand_in_settings_toml_by_their_names(root: Path) -> None:
    (root / "settings.toml").write_text('[general]\ndelete_share = 0.2\nsync_timezone = "Europe/Paris"\n')
    settings = load_configuration().settings
    assert (settings.delete_share, settings.timezone) == (0.2, "Europe/Paris")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[robawz]\nburst = 3", r"robawz is none of the tables \[general\], \[robaws\]"),
        ("delete_share = 0.2", "delete_share is none of the tables"),
        ("[zoho]\nbursts = 3", r"\[zoho\] has no bursts"),
        ("[general]\ntimezone = 'UTC'", r"\[general\] has no timezone"),
        ("[general]\ndelete_shares = 0.2", r"\[general\] has no delete_shares"),
    ],
)
def test_what_is_no_setting_is_not_passed_over_in_silence(root: Path, text: str, said: str) -> None:
    (root / "settings.toml").write_text(text + "\n")
    with pytest.raises(ConfigurationError, match=said):
        load_configuration()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ROBAWS_BURST", "many", "ROBAWS_BURST"),
        ("SUMIT_DIALECT", "other", "SUMIT_DIALECT"),
        ("SYNC_TIMEZONE", "Mars/Olympus", "SYNC_TIMEZONE"),
        ("ZOHO_CLIENT_ID", "x", "ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN, ZOHO_ORGANIZATION_ID"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=said):
        load_configuration()


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_robaws(monkeypatch)
    monkeypatch.setenv("ROBAWS_API_SECRET", "hunter2")
    assert "hunter2" not in repr(load_configuration())


ACCOUNTS = """
[[accounts]]
account = "north"
system = "zoho"
client_id = "NORTH_ID"
client_secret = "NORTH_SECRET"
refresh_token = "NORTH_TOKEN"
organization_id = "NORTH_ORG"

[[accounts]]
account = "south"
system = "zoho"
ZOHO_CLIENT_ID = "NORTH_ID"
ZOHO_CLIENT_SECRET = "NORTH_SECRET"
ZOHO_REFRESH_TOKEN = "NORTH_TOKEN"
ZOHO_ORGANIZATION_ID = "SOUTH_ORG"
"""


def test_several_accounts_of_one_system(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "accounts.toml").write_text(ACCOUNTS)
    for name in ("NORTH_ID", "NORTH_SECRET", "NORTH_TOKEN", "NORTH_ORG", "SOUTH_ORG"):
        monkeypatch.setenv(name, name.lower())
    accounts = load_configuration().of("zoho")
    assert [(a.account, a.settings.organization_id) for a in accounts] == [
        ("north", "north_org"),
        ("south", "south_org"),
    ]
    assert [a.account for a in load_configuration().of("zoho", "south")] == ["south"]
    with pytest.raises(ConfigurationError, match="knows: north, south"):
        load_configuration().of("zoho", "west")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ACCOUNTS, "NORTH_ID, which is not set"),
        ('[[accounts]]\nsystem = "sap"\n', "unknown system 'sap'"),
        ('[[accounts]]\nsystem = "zoho"\n', "zoho has no credentials"),
        ('[[accounts]]\nsystem = "zoho"\nfoo = 1\n', "unknown setting foo"),
        ("[[accounts", "accounts.toml"),
    ],
)
def test_a_wrong_accounts_file_is_explained(root: Path, text: str, said: str) -> None:
    (root / "accounts.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_configuration()


def test_secrets_come_from_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "key").write_text("from a file\n")
    monkeypatch.setenv("ROBAWS_API_KEY_FILE", str(root / "key"))
    credentials = root / "credentials"
    credentials.mkdir()
    (credentials / "ROBAWS_API_SECRET").write_text("from systemd")
    (credentials / "DATABASE_URL").write_text("postgresql:///x")
    (credentials / "ROBAWS_BURST").write_text("3")  # no secret: such a file is somebody else's
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    configuration = load_configuration()
    (account,) = configuration.of("robaws")
    assert account.settings.api_key.get_secret_value() == "from a file"
    assert account.settings.api_secret.get_secret_value() == "from systemd"
    assert account.settings.burst == 19
    assert configuration.settings.database_url is not None


def test_a_secret_in_two_places_or_nowhere_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN_FILE", str(root / "absent"))
    with pytest.raises(ConfigurationError, match=r"API_TOKEN_FILE: .*absent cannot be read: No such file"):
        load_configuration()
    (root / "absent").write_text("here now")
    monkeypatch.setenv("API_TOKEN", "hunter2")
    with pytest.raises(ConfigurationError, match="API_TOKEN and API_TOKEN_FILE are both set") as caught:
        load_configuration()
    assert "hunter2" not in str(caught.value)


def test_accounts_name_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "accounts.toml").write_text(ACCOUNTS)
    for name in ("NORTH_ID", "NORTH_TOKEN", "NORTH_ORG", "SOUTH_ORG"):
        monkeypatch.setenv(name, name.lower())
    (root / "secret").write_text("from a file\n")
    monkeypatch.setenv("NORTH_SECRET_FILE", str(root / "secret"))
    north, south = load_configuration().of("zoho")
    assert (
        north.settings.client_secret.get_secret_value()
        == south.settings.client_secret.get_secret_value()
        == "from a file"
    )
