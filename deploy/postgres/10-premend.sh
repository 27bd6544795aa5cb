#!/bin/sh
# First start of the database container: the application's role, which is no superuser, and its database.
set -eu

psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v password="$PREMEND_DB_PASSWORD" <<'SQL'
select format('create role premend login createrole password %L', :'password') \gexec
create database premend owner premend;
SQL
# The image preloads the library, so creating the extension is safe here and only here.
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d premend -c 'create extension if not exists timescaledb'
