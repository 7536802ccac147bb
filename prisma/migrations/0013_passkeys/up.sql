-- Keys of users' authenticators (WebAuthn). What is kept of one is public.
CREATE TABLE users.passkeys (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL REFERENCES users.users (id),
  name text NOT NULL,
  credential_id text NOT NULL UNIQUE,
  public_key bytea NOT NULL,
  -- How often the authenticator says that it was used: one that falls back was copied.
  counter bigint NOT NULL,
  transports text[] NOT NULL DEFAULT '{}',
  synced boolean NOT NULL,
  -- Whether a password alone is not enough while the user has this key.
  second_factor boolean NOT NULL,
  created_at timestamptz NOT NULL,
  last_used_at timestamptz
);
CREATE INDEX passkeys_owner ON users.passkeys (owner_id, created_at, id);
ALTER TABLE users.passkeys ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.passkeys FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON users.passkeys TO mnemograph_users;
GRANT UPDATE (counter, last_used_at) ON users.passkeys TO mnemograph_users;
GRANT SELECT ON users.passkeys TO mnemograph_definer;
CREATE POLICY own ON users.passkeys TO mnemograph_users
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY definer ON users.passkeys FOR SELECT TO mnemograph_definer USING (true);
SELECT audit.watch('users.passkeys');

-- Whose key a sign-in brings, before anyone is signed in.
CREATE FUNCTION users.find_passkey(credential text) RETURNS TABLE (id uuid, tenant_id uuid, owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT passkeys.id, passkeys.tenant_id, passkeys.owner_id FROM users.passkeys WHERE passkeys.credential_id = credential;
END;
ALTER FUNCTION users.find_passkey(text) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION users.find_passkey(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users.find_passkey(text) TO mnemograph_users;
