DROP FUNCTION agents.drop_emptied_months();
REVOKE USAGE ON SCHEMA agents FROM mnemograph_projector;
GRANT SELECT (id, expires_at), DELETE ON memory.session_context, memory.user_chat_context TO mnemograph_projector;
CREATE POLICY clean_up ON memory.session_context TO mnemograph_projector USING (expires_at < now());
CREATE POLICY clean_up ON memory.user_chat_context TO mnemograph_projector USING (expires_at < now());
DROP FUNCTION memory.clean_up_context();
DROP POLICY definer ON memory.session_context;
DROP POLICY definer ON memory.user_chat_context;
REVOKE SELECT, DELETE ON memory.session_context, memory.user_chat_context FROM mnemograph_definer;
-- As migration 0060 made it.
CREATE OR REPLACE FUNCTION app.apply_retention(at timestamptz) RETURNS TABLE (data_type text, amount bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH policy AS MATERIALIZED (
    SELECT retention_policies.tenant_id, retention_policies.data_type, at - make_interval(days => retention_policies.keep_days) AS before
    FROM app.retention_policies
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
  SELECT 'CHAT_SESSIONS', (SELECT count(*) FROM sessions)
  UNION ALL SELECT 'BLACKBOARD_EVENTS', (SELECT count(*) FROM events) UNION ALL SELECT 'SIGN_INS', (SELECT count(*) FROM sign_ins);
END;
DROP POLICY definer ON memory.messages;
DROP POLICY definer ON memory.prompts;
REVOKE SELECT ON memory.messages FROM mnemograph_definer;
REVOKE UPDATE (memory_id) ON memory.prompts FROM mnemograph_definer;
REVOKE SELECT, DELETE ON memory.prompts FROM mnemograph_definer;
