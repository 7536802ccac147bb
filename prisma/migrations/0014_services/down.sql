CREATE OR REPLACE FUNCTION users.session_is_live(session uuid, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (
    SELECT FROM users.sessions JOIN users.users ON users.id = sessions.owner_id
    WHERE sessions.id = session AND sessions.ended_at IS NULL AND sessions.expires_at > at AND users.status = 'ACTIVE');
END;
DROP TABLE users.cross_service_auth;
DROP TABLE users.service_accounts;
