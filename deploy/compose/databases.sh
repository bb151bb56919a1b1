#!/bin/bash
# Runs once, in an empty volume: a role and a database for each service, which no other role may open.
# A service's role owns its database, since it migrates it, and may do nothing outside of it.
set -euo pipefail

for service in identity verification billing_link notifier; do
    # The password is the one that the service has in its URL; psql gets it by a variable and quotes it.
    url=$(<"/run/secrets/${service}_database_url")
    password=${url#postgresql://"$service":}
    PASSWORD=${password%%@*} psql -v ON_ERROR_STOP=1 -U postgres -d postgres -v name="$service" <<'SQL'
\getenv password PASSWORD
CREATE ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done

psql -v ON_ERROR_STOP=1 -U postgres -d postgres <<'SQL'
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
SQL
