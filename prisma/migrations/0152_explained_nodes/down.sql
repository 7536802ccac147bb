CREATE OR REPLACE FUNCTION app.explain_access(viewer uuid, type text, thing uuid)
RETURNS TABLE (object text, rule text, condition text, satisfied boolean, restricts boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  tenant uuid := app.current_tenant_id();
  admin uuid := app.current_user_id();
  session text := current_setting('mnemograph.session_id', true);
  plural text := regexp_replace(lower(regexp_replace(type, '(.)([A-Z])', '\1_\2', 'g')) || 's', 'ys$', 'ies');
  target regclass;
  there boolean;
  policy record;
BEGIN
  IF NOT EXISTS (SELECT FROM users.users WHERE id = admin AND tenant_id = tenant AND role = 'ADMIN' AND status = 'ACTIVE')
    OR NOT EXISTS (SELECT FROM users.users WHERE id = viewer AND tenant_id = tenant) THEN
    RETURN;
  END IF;
  SELECT class.oid::regclass INTO target FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE class.relname = plural AND space.nspname IN ('users', 'memory', 'knowledge', 'agents') LIMIT 1;
  IF target IS NULL THEN RETURN; END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE id = $1 AND tenant_id = $2)', target) INTO there USING thing, tenant;
  IF NOT there THEN RETURN; END IF;
  PERFORM set_config('mnemograph.user_id', viewer::text, true), set_config('mnemograph.session_id', '', true);
  FOR policy IN
    SELECT pg_policy.polname, pg_get_expr(pg_policy.polqual, pg_policy.polrelid) AS expression,
           NOT pg_policy.polpermissive AS restricts FROM pg_policy
    WHERE pg_policy.polrelid = target AND pg_policy.polcmd IN ('r', '*')
      AND (SELECT oid FROM pg_roles WHERE rolname = 'mnemograph_' || split_part(target::text, '.', 1)) = ANY (pg_policy.polroles)
    ORDER BY pg_policy.polname
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE id = $1 AND (%s))', target, policy.expression) INTO satisfied USING thing;
    object := target::text;
    rule := policy.polname;
    condition := policy.expression;
    restricts := policy.restricts;
    RETURN NEXT;
  END LOOP;
  PERFORM set_config('mnemograph.user_id', admin::text, true), set_config('mnemograph.session_id', coalesce(session, ''), true);
END
$$;
