CREATE SCHEMA users;
GRANT USAGE, CREATE ON SCHEMA users TO mnemograph_definer;
GRANT USAGE ON SCHEMA users TO mnemograph_users;

CREATE TABLE users.users (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  username text NOT NULL,
  email text NOT NULL,
  display_name text,
  -- Null until the first password is set: then only a one-time secret signs in.
  password_hash text,
  one_time_hash text,
  -- The sign-in that spent the one-time secret: within it alone the secret still proves who sets the first password.
  one_time_session_id uuid,
  role text NOT NULL CHECK (role IN ('ADMIN', 'ANALYST', 'MEMBER', 'SERVICE')),
  status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'SUSPENDED')),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_username ON users.users (lower(username));
CREATE UNIQUE INDEX users_email ON users.users (lower(email));

-- A sign-in: the family of refresh tokens that came of it. Its id is the `sid` of access tokens.
CREATE TABLE users.sessions (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL REFERENCES users.users (id),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  end_reason text CHECK (end_reason IN ('SIGNED_OUT', 'REUSED', 'PASSWORD_CHANGED'))
);
CREATE INDEX sessions_owner ON users.sessions (owner_id, created_at);

CREATE TABLE users.refresh_tokens (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL REFERENCES users.users (id),
  session_id uuid NOT NULL REFERENCES users.sessions (id) ON DELETE CASCADE,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz
);
CREATE INDEX refresh_tokens_session ON users.refresh_tokens (session_id);

ALTER TABLE users.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.users FORCE ROW LEVEL SECURITY;
ALTER TABLE users.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE users.refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.refresh_tokens FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT ON users.users TO mnemograph_definer;
GRANT SELECT ON users.sessions, users.refresh_tokens TO mnemograph_definer;
CREATE POLICY definer ON users.users TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON users.sessions FOR SELECT TO mnemograph_definer USING (true);
CREATE POLICY definer ON users.refresh_tokens FOR SELECT TO mnemograph_definer USING (true);

GRANT SELECT ON users.users TO mnemograph_users;
GRANT UPDATE (password_hash, one_time_hash, one_time_session_id, display_name, updated_at) ON users.users TO mnemograph_users;
GRANT SELECT, INSERT ON users.sessions, users.refresh_tokens TO mnemograph_users;
GRANT UPDATE (ended_at, end_reason, expires_at) ON users.sessions TO mnemograph_users;
GRANT UPDATE (used_at) ON users.refresh_tokens TO mnemograph_users;

CREATE POLICY read_own ON users.users FOR SELECT TO mnemograph_users
  USING (id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY write_own ON users.users FOR UPDATE TO mnemograph_users
  USING (id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY own ON users.sessions TO mnemograph_users
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY own ON users.refresh_tokens TO mnemograph_users
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));

SELECT audit.watch('users.users');
SELECT audit.watch('users.sessions');

-- Before anyone is signed in there is no user for a policy to go by. These are the only ways past it, each as narrow
-- as its question.
CREATE FUNCTION users.find_by_login(login text) RETURNS SETOF users.users
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT * FROM users.users WHERE lower(users.username) = lower(login) OR lower(users.email) = lower(login) LIMIT 1;
END;
CREATE FUNCTION users.find_refresh_token(hash bytea) RETURNS SETOF users.refresh_tokens
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT * FROM users.refresh_tokens WHERE refresh_tokens.token_hash = hash;
END;
CREATE FUNCTION users.session_is_live(session uuid, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM users.sessions JOIN users.users ON users.id = sessions.owner_id
    WHERE sessions.id = session AND sessions.ended_at IS NULL AND sessions.expires_at > at AND users.status = 'ACTIVE');
END;
-- What anyone who was given access to something of a user's may see of him.
CREATE FUNCTION users.cards(ids uuid[]) RETURNS TABLE (id uuid, username text, display_name text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT users.id, users.username, users.display_name, users.created_at FROM users.users
  WHERE users.id = ANY (ids) AND users.tenant_id = app.current_tenant_id();
END;
-- What only the user himself and his tenant's admins may see of him.
CREATE FUNCTION users.accounts(ids uuid[]) RETURNS TABLE (id uuid, email text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT users.id, users.email, users.role FROM users.users
  WHERE users.id = ANY (ids) AND users.tenant_id = app.current_tenant_id()
    AND (users.id = app.current_user_id() OR EXISTS (
      SELECT FROM users.users AS viewer
      WHERE viewer.id = app.current_user_id() AND viewer.tenant_id = app.current_tenant_id()
        AND viewer.role = 'ADMIN' AND viewer.status = 'ACTIVE'));
END;
CREATE FUNCTION users.create_user(new_id uuid, tenant uuid, username text, email text, password_hash text, one_time_hash text, role text, at timestamptz)
RETURNS users.users
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  made users.users;
BEGIN
  INSERT INTO app.tenants (id, name, created_at) VALUES (tenant, 'default', at) ON CONFLICT DO NOTHING;
  INSERT INTO audit.user_keys (user_id) VALUES (new_id) ON CONFLICT DO NOTHING;
  INSERT INTO users.users (id, tenant_id, username, email, password_hash, one_time_hash, role, created_at, updated_at)
  VALUES (new_id, tenant, username, email, password_hash, one_time_hash, role, at, at)
  RETURNING * INTO made;
  RETURN made;
END
$$;
CREATE FUNCTION users.count_users() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
RETURN (SELECT count(*) FROM users.users);

DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY[
    'users.find_by_login(text)', 'users.find_refresh_token(bytea)', 'users.session_is_live(uuid, timestamptz)',
    'users.cards(uuid[])', 'users.accounts(uuid[])',
    'users.create_user(uuid, uuid, text, text, text, text, text, timestamptz)', 'users.count_users()'
  ] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mnemograph_users', signature);
  END LOOP;
END
$$;
