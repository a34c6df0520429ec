#!/usr/bin/env bash
# Makes the database `orders` and its two roles, each with no more rights than its work needs:
#
#   orders_owner  owns the database and applies migrations
#   orders_app    what the service connects as: reads and writes rows, and changes no table
#
# Written for /docker-entrypoint-initdb.d of the official PostgreSQL image. For another PostgreSQL, run it
# as a superuser or as a role that may create databases and roles, with libpq's variables (PGHOST,
# PGUSER, PGPASSWORD, …). It can be run again: to repair rights, or to change the passwords.
#
# The passwords are read from the files that ORDERS_OWNER_PASSWORD_FILE and
# ORDERS_APP_PASSWORD_FILE name, so that they are in no argument list and no environment.

# A subshell, because the image's entrypoint sources files that are not executable, and its own
# settings are not ours to change.
(
    set -euo pipefail

    say() { echo "10-roles.sh: $*" >&2; }
    for variable in ORDERS_OWNER_PASSWORD_FILE ORDERS_APP_PASSWORD_FILE; do
        file=${!variable:-}
        [[ -n $file ]] || { say "$variable names no file"; exit 1; }
        [[ -r $file && -n $(<"$file") ]] || { say "$variable: $file holds no password"; exit 1; }
    done

    user=${POSTGRES_USER:-${PGUSER:-postgres}}
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$user" --dbname postgres <<'SQL'
SELECT 'CREATE DATABASE orders'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'orders') \gexec
\connect orders

-- Statements with a password in them do not belong in the server's log. Who may not say so, as with most
-- providers, has to believe that it keeps them out of it.
SELECT rolsuper FROM pg_roles WHERE rolname = current_user \gset
\if :rolsuper
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
\endif
SET client_min_messages = warning; -- not that something is there already

-- All or nothing: a connection that breaks leaves an empty database, and no half of the rights.
BEGIN;
\set owner_password `cat "$ORDERS_OWNER_PASSWORD_FILE"`
\set app_password `cat "$ORDERS_APP_PASSWORD_FILE"`

SELECT format('CREATE ROLE %I', name)
  FROM (VALUES ('orders_owner'), ('orders_app')) AS roles (name)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE orders_owner LOGIN PASSWORD :'owner_password';
ALTER ROLE orders_app LOGIN PASSWORD :'app_password';
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', rolname)
  FROM pg_roles
 WHERE rolname IN ('orders_owner', 'orders_app')
   AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \gexec
-- Who is no superuser can give away only to a role that it is a member of.
SELECT 'GRANT orders_owner TO CURRENT_USER'
 WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec

ALTER DATABASE orders OWNER TO orders_owner;
REVOKE ALL ON DATABASE orders FROM PUBLIC;
GRANT CONNECT ON DATABASE orders TO orders_app;

-- Before PostgreSQL 15 the schema was the superuser's, and everybody could create tables in it.
ALTER SCHEMA public OWNER TO orders_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO orders_app;

-- Tables that are there already, and those that migrations will make.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO orders_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO orders_app;
ALTER DEFAULT PRIVILEGES FOR ROLE orders_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO orders_app;
ALTER DEFAULT PRIVILEGES FOR ROLE orders_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO orders_app;

-- The service reads at its start which migrations were applied, and has nothing to write there.
-- `orders migrate` would make this table; it is made here so that the rights can be taken away.
SET LOCAL ROLE orders_owner;
CREATE TABLE IF NOT EXISTS public.schema_migrations (version varchar PRIMARY KEY);
REVOKE INSERT, UPDATE, DELETE ON public.schema_migrations FROM orders_app;
COMMIT;
SQL
    say "the database orders and its roles are in order"
)
