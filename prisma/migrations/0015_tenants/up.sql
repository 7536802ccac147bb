-- Admins make teams and say who is in them; members see each other.
ALTER TABLE app.team_members ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
GRANT INSERT, DELETE ON app.teams TO mnemograph_users;
GRANT INSERT, DELETE ON app.team_members TO mnemograph_users;
GRANT INSERT ON app.team_members TO mnemograph_definer;
DROP POLICY read_tenant ON app.teams;
CREATE POLICY read_own ON app.teams FOR SELECT TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND id = ANY ((SELECT app.current_principals())::uuid[]));
CREATE POLICY admins ON app.teams TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT users.viewer_role()) = 'ADMIN');
CREATE POLICY admins ON app.team_members TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT users.viewer_role()) = 'ADMIN');
CREATE POLICY read_fellows ON app.team_members FOR SELECT TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND team_id = ANY ((SELECT app.current_principals())::uuid[]));
CREATE POLICY definer_joins ON app.team_members FOR INSERT TO mnemograph_definer WITH CHECK (true);
SELECT audit.watch('app.teams');
SELECT audit.watch('app.team_members');

-- An invitation into a tenant, for whoever holds its token and has its address. Of the token only the hash is kept.
CREATE TABLE users.invitations (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  -- The admin who invites.
  owner_id uuid NOT NULL REFERENCES users.users (id),
  email text NOT NULL,
  role text NOT NULL CHECK (role IN ('ADMIN', 'ANALYST', 'MEMBER')),
  team_id uuid REFERENCES app.teams (id) ON DELETE SET NULL,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX invitations_tenant ON users.invitations (tenant_id, created_at, id);
ALTER TABLE users.invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.invitations FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON users.invitations TO mnemograph_users;
GRANT UPDATE (revoked_at) ON users.invitations TO mnemograph_users;
GRANT SELECT, UPDATE ON users.invitations TO mnemograph_definer;
CREATE POLICY admins ON users.invitations TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT users.viewer_role()) = 'ADMIN');
CREATE POLICY definer ON users.invitations TO mnemograph_definer USING (true);
SELECT audit.watch('users.invitations');

-- What a token invites to, before there is a user to judge by; nothing once it is accepted, revoked or over.
CREATE FUNCTION users.find_invitation(hash bytea, at timestamptz) RETURNS TABLE (id uuid, tenant_id uuid, email text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT invitations.id, invitations.tenant_id, invitations.email, invitations.role FROM users.invitations
  WHERE invitations.token_hash = hash AND invitations.accepted_at IS NULL AND invitations.revoked_at IS NULL
    AND invitations.expires_at > at;
END;
-- Spends an invitation for the viewer, who has just been made, and puts him into its team. False when somebody else has.
CREATE FUNCTION users.accept_invitation(invitation uuid, at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  accepted users.invitations;
BEGIN
  UPDATE users.invitations SET accepted_at = at
    WHERE invitations.id = invitation AND invitations.accepted_at IS NULL AND invitations.revoked_at IS NULL
      AND invitations.tenant_id = app.current_tenant_id()
    RETURNING * INTO accepted;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF accepted.team_id IS NOT NULL THEN
    INSERT INTO app.team_members (team_id, tenant_id, user_id, added_at)
    VALUES (accepted.team_id, accepted.tenant_id, app.current_user_id(), at);
  END IF;
  RETURN true;
END
$$;
-- Names the viewer's tenant, which his account has just made.
GRANT UPDATE (name) ON app.tenants TO mnemograph_definer;
CREATE FUNCTION users.name_tenant(tenant_name text, at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  UPDATE app.tenants SET name = tenant_name WHERE tenants.id = app.current_tenant_id() AND tenants.created_at = at;
END;

DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY[
    'users.find_invitation(bytea, timestamptz)', 'users.accept_invitation(uuid, timestamptz)',
    'users.name_tenant(text, timestamptz)'
  ] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mnemograph_users', signature);
  END LOOP;
END
$$;
