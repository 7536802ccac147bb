-- Types whose tables have other names are found, and what is judged by the memories it leads to is judged by those that the
-- viewer sees.
CREATE OR REPLACE FUNCTION app.explain_access(viewer uuid, type text, thing uuid)
RETURNS TABLE (object text, rule text, condition text, satisfied boolean, restricts boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  tenant uuid := app.current_tenant_id();
  admin uuid := app.current_user_id();
  session text := current_setting('mnemograph.session_id', true);
  plural text := CASE type
    WHEN 'MemoryRelationship' THEN 'relationships'
    WHEN 'MessageFeedback' THEN 'message_feedback'
    WHEN 'RoutingDecision' THEN 'router_decisions'
    ELSE regexp_replace(lower(regexp_replace(type, '(.)([A-Z])', '\1_\2', 'g')) || 's', 'ys$', 'ies') END;
  -- Whoever asks a policy that asks for memories is not the room: those that the viewer sees stand in their place.
  seen_memories text;
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
  SELECT format('FROM (SELECT * FROM memory.memories WHERE (%s) AND %s) AS memories',
                string_agg(format('(%s)', expression), ' OR ') FILTER (WHERE polpermissive),
                coalesce(string_agg(format('(%s)', expression), ' AND ') FILTER (WHERE NOT polpermissive), 'true')) INTO seen_memories
  FROM (SELECT polpermissive, pg_get_expr(polqual, polrelid) AS expression FROM pg_policy
        WHERE polrelid = 'memory.memories'::regclass AND polcmd IN ('r', '*')
          AND (SELECT oid FROM pg_roles WHERE rolname = 'mnemograph_memory') = ANY (polroles)) AS policies;
  PERFORM set_config('mnemograph.user_id', viewer::text, true), set_config('mnemograph.session_id', '', true);
  FOR policy IN
    SELECT pg_policy.polname, pg_get_expr(pg_policy.polqual, pg_policy.polrelid) AS expression,
           NOT pg_policy.polpermissive AS restricts FROM pg_policy
    WHERE pg_policy.polrelid = target AND pg_policy.polcmd IN ('r', '*')
      AND (SELECT oid FROM pg_roles WHERE rolname = 'mnemograph_' || split_part(target::text, '.', 1)) = ANY (pg_policy.polroles)
    ORDER BY pg_policy.polname
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE id = $1 AND (%s))', target,
                   replace(policy.expression, 'FROM memory.memories', seen_memories)) INTO satisfied USING thing;
    object := target::text;
    rule := policy.polname;
    condition := policy.expression;
    restricts := policy.restricts;
    RETURN NEXT;
  END LOOP;
  PERFORM set_config('mnemograph.user_id', admin::text, true), set_config('mnemograph.session_id', coalesce(session, ''), true);
END
$$;
