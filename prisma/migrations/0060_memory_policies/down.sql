GRANT UPDATE (retention_until) ON memory.revisions TO mnemograph_definer;
CREATE POLICY retention ON memory.revisions FOR UPDATE TO mnemograph_definer USING (true);
CREATE OR REPLACE FUNCTION app.apply_retention(at timestamptz) RETURNS TABLE (data_type text, amount bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH policy AS MATERIALIZED (
    SELECT retention_policies.tenant_id, retention_policies.data_type, at - make_interval(days => retention_policies.keep_days) AS before,
           make_interval(days => retention_policies.keep_days) AS keep
    FROM app.retention_policies
  ), memories AS (
    UPDATE memory.revisions SET retention_until = revisions.known_from + policy.keep FROM policy
    WHERE policy.data_type = 'MEMORIES' AND policy.tenant_id = revisions.tenant_id AND revisions.known_until IS NULL
      AND (revisions.retention_until IS NULL OR revisions.retention_until > revisions.known_from + policy.keep) RETURNING 1
  ), sessions AS (
    DELETE FROM memory.chat_sessions USING policy
    WHERE policy.data_type = 'CHAT_SESSIONS' AND policy.tenant_id = chat_sessions.tenant_id AND NOT chat_sessions.active
      AND chat_sessions.updated_at < policy.before RETURNING 1
  ), events AS (
    DELETE FROM agents.blackboard_events USING policy
    WHERE policy.data_type = 'BLACKBOARD_EVENTS' AND policy.tenant_id = blackboard_events.tenant_id
      AND blackboard_events.created_at < policy.before RETURNING 1
  ), sign_ins AS (
    DELETE FROM users.sessions USING policy
    WHERE policy.data_type = 'SIGN_INS' AND policy.tenant_id = sessions.tenant_id
      AND least(sessions.ended_at, sessions.expires_at) < policy.before RETURNING 1
  )
  SELECT 'MEMORIES', (SELECT count(*) FROM memories) UNION ALL SELECT 'CHAT_SESSIONS', (SELECT count(*) FROM sessions)
  UNION ALL SELECT 'BLACKBOARD_EVENTS', (SELECT count(*) FROM events) UNION ALL SELECT 'SIGN_INS', (SELECT count(*) FROM sign_ins);
END;
DROP FUNCTION memory.note(jsonb, jsonb);
DROP FUNCTION memory.rules_of(uuid[]);
DROP FUNCTION memory.circumstances(uuid[]);
DROP TABLE memory.accesses, memory.policy_decisions, memory.policy_rules;
DROP POLICY tenant_memories ON app.retention_policies;
REVOKE SELECT ON app.retention_policies FROM mnemograph_memory;
CREATE OR REPLACE FUNCTION app.ensure_all_partitions() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT coalesce(sum(app.ensure_partitions(class.oid::regclass, 2)), 0)::integer
  FROM pg_partitioned_table AS parent
  JOIN pg_class AS class ON class.oid = parent.partrelid
  JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE parent.partstrat = 'r' AND space.nspname IN ('events', 'audit', 'agents')
$$;
REVOKE EXECUTE ON FUNCTION app.is_staff() FROM mnemograph_memory;
DROP FUNCTION app.is_admin();
