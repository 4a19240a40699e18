-- Roles of customer_assets. For psql, as a superuser; may be run again.
-- Run it once more after the first `customer-assets db upgrade`: the monitor's tables are there then.
-- Passwords are not in here: \password ROLE, or the server's own way.
\set ON_ERROR_STOP on
select format('create role %I login', 'customer_assets_owner')
where not exists (select from pg_roles where rolname = 'customer_assets_owner') \gexec
select format('create role %I login', 'customer_assets')
where not exists (select from pg_roles where rolname = 'customer_assets') \gexec
select format('create role %I login', 'customer_assets_analyst')
where not exists (select from pg_roles where rolname = 'customer_assets_analyst') \gexec
select format('create role %I login', 'customer_assets_monitor')
where not exists (select from pg_roles where rolname = 'customer_assets_monitor') \gexec
select format('create role %I login', 'customer_assets_backup')
where not exists (select from pg_roles where rolname = 'customer_assets_backup') \gexec
select format('create database %I owner %I encoding ''UTF8'' template template0', 'customers', 'customer_assets_owner')
where not exists (select from pg_database where datname = 'customers') \gexec
select format('create database %I owner %I encoding ''UTF8'' template template0', 'dagster', 'customer_assets')
where not exists (select from pg_database where datname = 'dagster') \gexec

revoke connect on database "customers", "dagster" from public;
grant connect, create on database "customers" to "customer_assets_owner";
grant connect, temporary on database "customers" to "customer_assets";
grant connect on database "customers" to "customer_assets_analyst", "customer_assets_monitor", "customer_assets_backup";
grant connect, create, temporary on database "dagster" to "customer_assets";
grant connect on database "dagster" to "customer_assets_backup";
grant pg_monitor to "customer_assets_monitor";
grant pg_read_all_data to "customer_assets_backup";

-- Dagster keeps its own tables itself.
\connect "dagster"
grant usage, create on schema public to "customer_assets";

\connect "customers"
grant usage, create on schema public to "customer_assets_owner";
create schema if not exists ops authorization "customer_assets_owner";
grant usage on schema public, ops to "customer_assets";
grant usage on schema public to "customer_assets_analyst", "customer_assets_monitor";
grant select, insert, update, delete on all tables in schema public, ops to "customer_assets";
alter default privileges for role "customer_assets_owner" in schema public, ops grant select, insert, update, delete on tables to "customer_assets";
grant usage, select, update on all sequences in schema public, ops to "customer_assets";
alter default privileges for role "customer_assets_owner" in schema public, ops grant usage, select, update on sequences to "customer_assets";
grant execute on all functions in schema ops to "customer_assets";
alter default privileges for role "customer_assets_owner" in schema ops grant execute on functions to "customer_assets";
grant select on all tables in schema public to "customer_assets_analyst";
alter default privileges for role "customer_assets_owner" in schema public grant select on tables to "customer_assets_analyst";
select format('grant select on %s to %I', to_regclass('public.sync_metadata'), 'customer_assets_monitor')
where to_regclass('public.sync_metadata') is not null \gexec
select format('grant select on %s to %I', to_regclass('public.sync_runs'), 'customer_assets_monitor')
where to_regclass('public.sync_runs') is not null \gexec
