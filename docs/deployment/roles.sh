#!/bin/sh
# Run once by PostgreSQL's image, in a new cluster: who owns the tables migrates; the services are another role, a
# member of soma_service, which owns nothing, so that the rules for rows of tenants bind them.
set -eu
psql --variable ON_ERROR_STOP=1 --variable password="$SOMA_POSTGRES_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE soma_service NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
CREATE ROLE soma LOGIN PASSWORD :'password' IN ROLE soma_service;
SQL
