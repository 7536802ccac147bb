-- A client that a user has named and says how far to trust. It proves itself by a token, of which only the hash is kept.
CREATE TABLE users.devices (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL REFERENCES users.users (id),
  name text NOT NULL,
  type text NOT NULL CHECK (type IN ('DESKTOP', 'LAPTOP', 'PHONE', 'TABLET', 'SERVER', 'OTHER')),
  security_level text NOT NULL CHECK (security_level IN ('LOW', 'STANDARD', 'TRUSTED')),
  token_hash bytea NOT NULL UNIQUE,
  trusted_until timestamptz,
  created_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX devices_owner ON users.devices (owner_id, created_at, id);

ALTER TABLE users.sessions
  ADD COLUMN device_id uuid REFERENCES users.devices (id),
  -- When it ends however often it is renewed.
  ADD COLUMN ends_at timestamptz,
  DROP CONSTRAINT sessions_end_reason_check,
  ADD CONSTRAINT sessions_end_reason_check CHECK (
    end_reason IN ('SIGNED_OUT', 'REVOKED', 'REUSED', 'PASSWORD_CHANGED', 'ADMINISTERED', 'DEVICE_REVOKED'));
GRANT UPDATE (device_id, ends_at) ON users.sessions TO mnemograph_users;
CREATE INDEX sessions_device ON users.sessions (device_id) WHERE device_id IS NOT NULL;

-- The seed of a user's one-time passwords, encrypted, and the last step of time whose password was taken: none is taken
-- twice. Until it is confirmed it proves nothing.
CREATE TABLE users.totp (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL UNIQUE REFERENCES users.users (id),
  secret bytea NOT NULL,
  last_time_step bigint,
  created_at timestamptz NOT NULL,
  confirmed_at timestamptz
);

-- What stands in for a one-time password when its device is lost; each once. Hashes of random codes.
CREATE TABLE users.backup_codes (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL REFERENCES users.users (id),
  code_hash bytea NOT NULL,
  created_at timestamptz NOT NULL,
  used_at timestamptz,
  UNIQUE (owner_id, code_hash)
);

DO $$
DECLARE
  watched text;
BEGIN
  FOREACH watched IN ARRAY ARRAY['users.devices', 'users.totp', 'users.backup_codes'] LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', watched);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', watched);
    EXECUTE format('CREATE POLICY own ON %s TO mnemograph_users
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', watched);
    PERFORM audit.watch(watched::regclass);
  END LOOP;
END
$$;
GRANT SELECT, INSERT ON users.devices TO mnemograph_users;
GRANT UPDATE (last_seen_at, revoked_at) ON users.devices TO mnemograph_users;
GRANT SELECT, INSERT, DELETE ON users.totp, users.backup_codes TO mnemograph_users;
GRANT UPDATE (secret, last_time_step, created_at, confirmed_at) ON users.totp TO mnemograph_users;
GRANT UPDATE (used_at) ON users.backup_codes TO mnemograph_users;

-- The viewer's own key, under which what is kept of him is encrypted.
CREATE FUNCTION users.own_key() RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
RETURN (SELECT user_keys.key FROM audit.user_keys WHERE user_keys.user_id = app.current_user_id());
ALTER FUNCTION users.own_key() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION users.own_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users.own_key() TO mnemograph_users;
