-- What retention removes is told like what its owner removes: that a session is gone. Its prompts go as they do then.
GRANT SELECT, DELETE ON memory.prompts TO mnemograph_definer;
GRANT UPDATE (memory_id) ON memory.prompts TO mnemograph_definer;
GRANT SELECT ON memory.messages TO mnemograph_definer;
CREATE POLICY definer ON memory.prompts TO mnemograph_definer USING (true);
CREATE POLICY definer ON memory.messages FOR SELECT TO mnemograph_definer USING (true);
CREATE OR REPLACE FUNCTION app.apply_retention(at timestamptz) RETURNS TABLE (data_type text, amount bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  owners uuid[];
  sessions bigint;
BEGIN
  WITH gone AS (
    DELETE FROM memory.chat_sessions USING app.retention_policies AS policy
    WHERE policy.data_type = 'CHAT_SESSIONS' AND policy.tenant_id = chat_sessions.tenant_id AND NOT chat_sessions.active
      AND chat_sessions.updated_at < at - make_interval(days => policy.keep_days)
    RETURNING chat_sessions.id, chat_sessions.tenant_id, chat_sessions.owner_id, chat_sessions.version
  ), told AS (
    -- Not through events.append: a job that cleans up works for no tenant and in no room.
    INSERT INTO events.log (epoch, tenant_id, owner_id, actor_id, room, kind, aggregate_type, aggregate_id, version,
                            audience_before, audience_after, payload, trace_id)
    SELECT system.epoch, gone.tenant_id, gone.owner_id, NULL, 'memory', 'SESSION_DELETED', 'ChatSession', gone.id,
           gone.version + 1, ARRAY[gone.owner_id], '{}', '{}', app.setting('trace_id')
    FROM gone CROSS JOIN app.system
  )
  SELECT count(*), coalesce(array_agg(DISTINCT gone.owner_id), '{}') INTO sessions, owners FROM gone;
  DELETE FROM memory.prompts WHERE prompts.id IN (
      SELECT prompt.id FROM memory.prompts AS prompt WHERE prompt.owner_id = ANY (owners)
        AND NOT EXISTS (SELECT FROM memory.memories WHERE memories.id = prompt.memory_id AND memories.forgotten_at IS NULL)
        AND NOT EXISTS (SELECT FROM memory.messages WHERE messages.prompt_id = prompt.id)
      FOR UPDATE SKIP LOCKED)
    AND NOT EXISTS (SELECT FROM memory.messages WHERE messages.prompt_id = prompts.id);
  RETURN QUERY
  WITH events AS (
    DELETE FROM agents.blackboard_events USING app.retention_policies AS policy
    WHERE policy.data_type = 'BLACKBOARD_EVENTS' AND policy.tenant_id = blackboard_events.tenant_id
      AND blackboard_events.created_at < at - make_interval(days => policy.keep_days) RETURNING 1
  ), sign_ins AS (
    DELETE FROM users.sessions USING app.retention_policies AS policy
    WHERE policy.data_type = 'SIGN_INS' AND policy.tenant_id = sessions.tenant_id
      AND least(sessions.ended_at, sessions.expires_at) < at - make_interval(days => policy.keep_days) RETURNING 1
  )
  SELECT 'CHAT_SESSIONS', sessions UNION ALL SELECT 'BLACKBOARD_EVENTS', (SELECT count(*) FROM events)
  UNION ALL SELECT 'SIGN_INS', (SELECT count(*) FROM sign_ins);
END
$$;

-- Removes what has expired of sessions' and users' context, and tells so. @returns how much
GRANT SELECT, DELETE ON memory.session_context, memory.user_chat_context TO mnemograph_definer;
CREATE POLICY definer ON memory.session_context TO mnemograph_definer USING (expires_at < now());
CREATE POLICY definer ON memory.user_chat_context TO mnemograph_definer USING (expires_at < now());
CREATE FUNCTION memory.clean_up_context() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH entries AS (
    DELETE FROM memory.session_context WHERE session_context.expires_at < now()
    RETURNING session_context.tenant_id, session_context.owner_id, session_context.session_id AS id, session_context.version
  ), of_users AS (
    DELETE FROM memory.user_chat_context WHERE user_chat_context.expires_at < now()
    RETURNING user_chat_context.tenant_id, user_chat_context.owner_id, user_chat_context.id, user_chat_context.version
  ), told AS (
    INSERT INTO events.log (epoch, tenant_id, owner_id, actor_id, room, kind, aggregate_type, aggregate_id, version,
                            audience_before, audience_after, payload, trace_id)
    SELECT system.epoch, gone.tenant_id, gone.owner_id, NULL, 'memory', gone.kind, gone.type, gone.id, gone.version + 1,
           ARRAY[gone.owner_id], gone.audience, '{}', app.setting('trace_id')
    FROM (SELECT entries.*, 'CONTEXT_EXPIRED' AS kind, 'ChatSession' AS type, ARRAY[entries.owner_id] AS audience FROM entries
          UNION ALL SELECT of_users.*, 'USER_CONTEXT_EXPIRED', 'UserContext', '{}'::uuid[] FROM of_users) AS gone
      CROSS JOIN app.system RETURNING 1
  )
  SELECT count(*) FROM told;
END;
ALTER FUNCTION memory.clean_up_context() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.clean_up_context() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.clean_up_context() TO mnemograph_projector;
DROP POLICY clean_up ON memory.session_context;
DROP POLICY clean_up ON memory.user_chat_context;
REVOKE SELECT (id, expires_at), DELETE ON memory.session_context, memory.user_chat_context FROM mnemograph_projector;

-- Drops the months of blackboards that are over and that retention has emptied. Answers the partitions.
CREATE FUNCTION agents.drop_emptied_months() RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  old record;
  filled boolean;
BEGIN
  FOR old IN
    SELECT inhrelid::regclass::text AS child FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'agents.blackboard_events'::regclass AND relname ~ '_[0-9]{6}$'
      AND (to_date(right(relname, 6), 'YYYYMM') + interval '1 month') < now() - interval '1 day'
    ORDER BY relname
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', old.child) INTO filled;
    CONTINUE WHEN filled;
    EXECUTE format('DROP TABLE %s', old.child);
    RETURN NEXT old.child;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION agents.drop_emptied_months() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.drop_emptied_months() TO mnemograph_projector;
GRANT USAGE ON SCHEMA agents TO mnemograph_projector;
