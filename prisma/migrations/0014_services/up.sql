-- Programs that ask in their own name. The account is a user with the role SERVICE, of the same id, that no secret signs in.
CREATE TABLE users.service_accounts (
  id uuid PRIMARY KEY REFERENCES users.users (id),
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  -- The admin who made it.
  owner_id uuid NOT NULL REFERENCES users.users (id),
  name text NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (tenant_id, name)
);

-- The tokens of services. A token itself is kept nowhere: it is signed, and good while its row is.
CREATE TABLE users.cross_service_auth (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  -- The admin who issued it.
  owner_id uuid NOT NULL REFERENCES users.users (id),
  service_id uuid NOT NULL REFERENCES users.service_accounts (id) ON DELETE CASCADE,
  name text NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX cross_service_auth_service ON users.cross_service_auth (service_id, created_at);

DO $$
DECLARE
  watched text;
BEGIN
  FOREACH watched IN ARRAY ARRAY['users.service_accounts', 'users.cross_service_auth'] LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', watched);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', watched);
    EXECUTE format('CREATE POLICY admins ON %s TO mnemograph_users
      USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT users.viewer_role()) = ''ADMIN'')', watched);
    PERFORM audit.watch(watched::regclass);
  END LOOP;
END
$$;
GRANT SELECT, INSERT ON users.service_accounts, users.cross_service_auth TO mnemograph_users;
GRANT UPDATE (revoked_at) ON users.cross_service_auth TO mnemograph_users;
GRANT SELECT ON users.cross_service_auth TO mnemograph_definer;
CREATE POLICY definer ON users.cross_service_auth FOR SELECT TO mnemograph_definer USING (true);

-- Whether a sign-in goes on, or a service's token is good: both are named by a token's `sid`.
CREATE OR REPLACE FUNCTION users.session_is_live(session uuid, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM users.sessions JOIN users.users ON users.id = sessions.owner_id
    WHERE sessions.id = session AND sessions.ended_at IS NULL AND sessions.expires_at > at AND users.status = 'ACTIVE')
  OR EXISTS (
    SELECT FROM users.cross_service_auth JOIN users.users ON users.id = cross_service_auth.service_id
    WHERE cross_service_auth.id = session AND cross_service_auth.revoked_at IS NULL
      AND cross_service_auth.expires_at > at AND users.status = 'ACTIVE');
END;
