-- The viewer's role as it is now: a token may tell of an older one. Null for nobody, and for whoever is suspended.
CREATE FUNCTION users.viewer_role() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
RETURN (SELECT users.role FROM users.users
        WHERE users.id = app.current_user_id() AND users.tenant_id = app.current_tenant_id() AND users.status = 'ACTIVE');
ALTER FUNCTION users.viewer_role() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION users.viewer_role() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users.viewer_role() TO mnemograph_users;

-- Admins find the users of their tenant.
CREATE POLICY read_admin ON users.users FOR SELECT TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT users.viewer_role()) = 'ADMIN');
CREATE INDEX users_tenant ON users.users (tenant_id, created_at, id);

-- What only the user himself and his tenant's admins may see of him.
DROP FUNCTION users.accounts(uuid[]);
CREATE FUNCTION users.accounts(ids uuid[]) RETURNS TABLE (id uuid, email text, role text, status text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT users.id, users.email, users.role, users.status FROM users.users
  WHERE users.id = ANY (ids) AND users.tenant_id = app.current_tenant_id()
    AND (users.id = app.current_user_id() OR users.viewer_role() = 'ADMIN');
END;
ALTER FUNCTION users.accounts(uuid[]) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION users.accounts(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users.accounts(uuid[]) TO mnemograph_users;

ALTER TABLE users.sessions
  DROP CONSTRAINT sessions_end_reason_check,
  ADD CONSTRAINT sessions_end_reason_check
    CHECK (end_reason IN ('SIGNED_OUT', 'REVOKED', 'REUSED', 'PASSWORD_CHANGED', 'ADMINISTERED'));

-- Gives a user of the viewer's tenant another role or status (null leaves it) and ends his sign-ins, whose tokens tell of
-- the old one. Answers the ids of those that ended; null when there is no such user. Somebody must be left who may do this.
GRANT UPDATE (role, status, updated_at) ON users.users TO mnemograph_definer;
GRANT UPDATE (ended_at, end_reason) ON users.sessions TO mnemograph_definer;
CREATE POLICY definer_ends ON users.sessions FOR UPDATE TO mnemograph_definer USING (true);
CREATE FUNCTION users.administer(target uuid, new_role text, new_status text, at timestamptz) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  ended uuid[];
BEGIN
  IF users.viewer_role() IS DISTINCT FROM 'ADMIN' THEN
    RAISE EXCEPTION 'only an admin may do this' USING ERRCODE = 'insufficient_privilege';
  END IF;
  -- Two admins who would each take the other's role away come one after the other.
  PERFORM FROM users.users
    WHERE users.tenant_id = app.current_tenant_id() AND users.role = 'ADMIN' AND users.status = 'ACTIVE'
    ORDER BY users.id FOR UPDATE;
  UPDATE users.users SET role = coalesce(new_role, users.role), status = coalesce(new_status, users.status), updated_at = at
    WHERE users.id = target AND users.tenant_id = app.current_tenant_id() AND users.role <> 'SERVICE';
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF users.viewer_role() IS DISTINCT FROM 'ADMIN' AND NOT EXISTS (
    SELECT FROM users.users
    WHERE users.tenant_id = app.current_tenant_id() AND users.role = 'ADMIN' AND users.status = 'ACTIVE') THEN
    RAISE EXCEPTION 'the last admin stays' USING ERRCODE = 'check_violation', CONSTRAINT = 'last_admin';
  END IF;
  WITH over AS (
    UPDATE users.sessions SET ended_at = at, end_reason = 'ADMINISTERED'
    WHERE sessions.owner_id = target AND sessions.ended_at IS NULL RETURNING sessions.id
  )
  SELECT coalesce(array_agg(over.id), '{}') INTO ended FROM over;
  RETURN ended;
END
$$;
ALTER FUNCTION users.administer(uuid, text, text, timestamptz) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION users.administer(uuid, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users.administer(uuid, text, text, timestamptz) TO mnemograph_users;

-- What a user tells of himself. The row has the user's own id.
CREATE TABLE users.profiles (
  id uuid PRIMARY KEY REFERENCES users.users (id),
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL CHECK (owner_id = id),
  first_name text,
  last_name text,
  timezone text,
  locale text,
  preferences jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
ALTER TABLE users.profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.profiles FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON users.profiles TO mnemograph_users;
GRANT UPDATE (first_name, last_name, timezone, locale, preferences, updated_at) ON users.profiles TO mnemograph_users;
CREATE POLICY own ON users.profiles TO mnemograph_users
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
SELECT audit.watch('users.profiles');

-- Settings of a user, and those that hold for everybody of a tenant, which have no owner.
CREATE TABLE users.settings (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid REFERENCES users.users (id),
  key text NOT NULL,
  value jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE NULLS NOT DISTINCT (tenant_id, owner_id, key)
);
ALTER TABLE users.settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.settings FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON users.settings TO mnemograph_users;
GRANT UPDATE (value, updated_at) ON users.settings TO mnemograph_users;
CREATE POLICY own ON users.settings TO mnemograph_users
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_global ON users.settings FOR SELECT TO mnemograph_users
  USING (owner_id IS NULL AND tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.current_user_id()) IS NOT NULL);
CREATE POLICY write_global ON users.settings TO mnemograph_users
  USING (owner_id IS NULL AND tenant_id = (SELECT app.current_tenant_id()) AND (SELECT users.viewer_role()) = 'ADMIN');
SELECT audit.watch('users.settings');
