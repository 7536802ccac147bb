DO $$
DECLARE
  policy record;
BEGIN
  FOR policy IN SELECT polname, polrelid::regclass AS target FROM pg_policy WHERE polname IN ('privacy', 'definer_reads') LOOP
    EXECUTE format('DROP POLICY %I ON %s', policy.polname, policy.target);
  END LOOP;
END
$$;
DROP FUNCTION app.explain_access(uuid, text, uuid);
DROP FUNCTION app.after_migrations();
DROP VIEW app.owned_tables;
DROP FUNCTION app.granted_shelves(text);
DROP TABLE app.qdrant_access_control;
DROP FUNCTION app.set_security_context(uuid, uuid, text);
DROP FUNCTION app.tenant_of(uuid);
DROP FUNCTION app.get_current_user_id();
DROP FUNCTION app.get_current_session_id();
DROP FUNCTION app.get_current_tenant_id();
DROP FUNCTION app.get_current_service_name();
CREATE FUNCTION app.set_security_context(user_id uuid, session_id uuid, tenant_id uuid) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
  SELECT set_config('mnemograph.user_id', coalesce(user_id::text, ''), true),
         set_config('mnemograph.session_id', coalesce(session_id::text, ''), true),
         set_config('mnemograph.tenant_id', coalesce(tenant_id::text, ''), true);
END;
