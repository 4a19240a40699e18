"""Roles of a company's server: who owns the schema, who works with its rows, who reads.

`role_script` is what a database administrator runs once; deploy/postgres/roles.sql is the same with the usual names.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from customer_assets.errors import ConfigurationError
from customer_assets.store.database import Connection, scalar


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of the roles and of both databases.

    Attributes:
        owner: owns the tables and brings them up to date (`db upgrade`); nothing else connects as it.
        runtime: reads and writes rows; what every process connects as.
        analyst: reads schema public.
        monitor: reads statistics of the server and how fresh the data is.
        backup: reads everything.
        database, dagster: ours, and Dagster's own.
    """

    owner: str = "customer_assets_owner"
    runtime: str = "customer_assets"
    analyst: str = "customer_assets_analyst"
    monitor: str = "customer_assets_monitor"
    backup: str = "customer_assets_backup"
    database: str = "customers"
    dagster: str = "dagster"


MONITORED = ("sync_metadata", "sync_runs")
SCRIPT = """\
-- Roles of customer_assets. For psql, as a superuser; may be run again.
-- Run it once more after the first `customer-assets db upgrade`: the monitor's tables are there then.
-- Passwords are not in here: \\password ROLE, or the server's own way.
\\set ON_ERROR_STOP on
{creations}
select format('create database %I owner %I encoding ''UTF8'' template template0', {database_text}, {owner_text})
where not exists (select from pg_database where datname = {database_text}) \\gexec
select format('create database %I owner %I encoding ''UTF8'' template template0', {dagster_text}, {runtime_text})
where not exists (select from pg_database where datname = {dagster_text}) \\gexec

revoke connect on database {database}, {dagster} from public;
grant connect, create on database {database} to {owner};
grant connect, temporary on database {database} to {runtime};
grant connect on database {database} to {analyst}, {monitor}, {backup};
grant connect, create, temporary on database {dagster} to {runtime};
grant connect on database {dagster} to {backup};
grant pg_monitor to {monitor};
grant pg_read_all_data to {backup};

-- Dagster keeps its own tables itself.
\\connect {dagster}
grant usage, create on schema public to {runtime};

\\connect {database}
grant usage, create on schema public to {owner};
create schema if not exists ops authorization {owner};
grant usage on schema public, ops to {runtime};
grant usage on schema public to {analyst}, {monitor};
{privileges}
"""
CREATION = """\
select format('create role %I login', {role})
where not exists (select from pg_roles where rolname = {role}) \\gexec"""
# (what, on which objects, to whom): for those that are there, and for those that the owner will make.
PRIVILEGES = (
    ("select, insert, update, delete", "tables", ("public", "ops"), "runtime"),
    ("usage, select, update", "sequences", ("public", "ops"), "runtime"),
    ("execute", "functions", ("ops",), "runtime"),
    ("select", "tables", ("public",), "analyst"),
)


def role_script(roles: Roles) -> str:
    """The statements, for psql, that make the roles and both databases, and grant what each needs.

    Args:
        roles: their names.
    """
    names = {field: getattr(roles, field) for field in Roles.__slots__}
    identifiers = {field: _identifier(name) for field, name in names.items()}
    texts = {f"{field}_text": _text(name) for field, name in names.items()}
    members = ("owner", "runtime", "analyst", "monitor", "backup")
    privileges = []
    for what, objects, schemas, role in PRIVILEGES:
        where, to = ", ".join(schemas), identifiers[role]
        privileges += [
            f"grant {what} on all {objects} in schema {where} to {to};",
            f"alter default privileges for role {identifiers['owner']} in schema {where} grant {what} on {objects} to {to};",
        ]
    privileges += [
        f"select format('grant select on %s to %I', to_regclass('public.{table}'), {texts['monitor_text']})\n"
        f"where to_regclass('public.{table}') is not null \\gexec"
        for table in MONITORED
    ]
    creations = "\n".join(CREATION.format(role=texts[f"{member}_text"]) for member in members)
    return SCRIPT.format(**identifiers, **texts, creations=creations, privileges="\n".join(privileges))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def grant_reading(connection: Connection, role: str) -> bool:
    """Let a role read schema public, now and later; it is created when there is none. Returns whether it was.

    Raises:
        ConfigurationError: this role may not grant or create roles.
    """
    name = sql.Identifier(role)
    created = scalar(connection, "select 1 from pg_roles where rolname = %s", [role]) is None
    statements = [
        *([sql.SQL("create role {} login")] if created else []),
        sql.SQL("grant usage on schema public to {}"),
        sql.SQL("grant select on all tables in schema public to {}"),
        sql.SQL("alter default privileges in schema public grant select on tables to {}"),
    ]
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(statement.format(name))
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(f"role {role}: {str(error).strip().splitlines()[0]}") from None
    return created
