-- The services work as a role that owns nothing, and a transaction sees and changes only rows of the
-- tenants it is for: those of the setting `soma.tenants`, separated by commas; all if it is `*`; none if
-- it is not set.

-- Roles belong to the whole server, and another database may have it already.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'soma_service') THEN
        CREATE ROLE soma_service NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

-- Puts rows of a table under the rule. Every table with a column `tenant` has it: a migration that adds
-- such a table calls this.
CREATE FUNCTION soma_protect(protected regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', protected);
    -- The subqueries are run once for each statement, not for each row.
    EXECUTE format(
        'CREATE POLICY tenants ON %s USING (
             (SELECT current_setting(''soma.tenants'', true)) = ''*''
             OR tenant = ANY ((SELECT string_to_array(current_setting(''soma.tenants'', true), '',''))::text[]))',
        protected);
END
$$;

SELECT soma_protect(c.oid)
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped
 WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace;

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO soma_service', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO soma_service',
                   current_schema());
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO soma_service',
                   current_schema());
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO soma_service', current_schema());
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO soma_service',
                   current_schema());
END
$$;

REVOKE INSERT, UPDATE, DELETE ON refinery_schema_history FROM soma_service;
