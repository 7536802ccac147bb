DROP TABLE users.settings;
DROP TABLE users.profiles;
DROP FUNCTION users.administer(uuid, text, text, timestamptz);
UPDATE users.sessions SET end_reason = 'REVOKED' WHERE end_reason = 'ADMINISTERED';
ALTER TABLE users.sessions
  DROP CONSTRAINT sessions_end_reason_check,
  ADD CONSTRAINT sessions_end_reason_check
    CHECK (end_reason IN ('SIGNED_OUT', 'REVOKED', 'REUSED', 'PASSWORD_CHANGED'));
DROP POLICY definer_ends ON users.sessions;
REVOKE UPDATE (ended_at, end_reason) ON users.sessions FROM mnemograph_definer;
REVOKE UPDATE (role, status, updated_at) ON users.users FROM mnemograph_definer;
DROP FUNCTION users.accounts(uuid[]);
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
ALTER FUNCTION users.accounts(uuid[]) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION users.accounts(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users.accounts(uuid[]) TO mnemograph_users;
DROP INDEX users.users_tenant;
DROP POLICY read_admin ON users.users;
DROP FUNCTION users.viewer_role();
