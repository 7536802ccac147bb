-- A conversation has a vector, made of what it is called, its summary and what was said last in it, and made anew as it grows.
-- It is derived, so nothing is kept of the text: the projector reads the session whenever an event tells of it.
CREATE VIEW memory.conversations WITH (security_invoker = true) AS
  SELECT session.id, session.tenant_id, session.owner_id,
         session.version + session.message_count + session.deleted_messages AS version,
         concat_ws(E'\n', session.title, summary.summary, talk.said) AS content
  FROM memory.chat_sessions AS session
  LEFT JOIN memory.session_summaries AS summary ON summary.session_id = session.id
  CROSS JOIN LATERAL (
    SELECT string_agg(left(latest.content, 500), E'\n' ORDER BY latest.position) AS said
    FROM (
      SELECT message.content, message.position FROM memory.messages AS message
      WHERE message.session_id = session.id AND message.role IN ('USER', 'ASSISTANT') AND message.content <> ''
      ORDER BY message.position DESC LIMIT 32
    ) AS latest
  ) AS talk
  WHERE talk.said IS NOT NULL;
GRANT SELECT ON memory.conversations TO mnemograph_projector;
GRANT SELECT (id, tenant_id, owner_id, title, version, message_count, deleted_messages) ON memory.chat_sessions TO mnemograph_projector;
CREATE POLICY projector ON memory.chat_sessions FOR SELECT TO mnemograph_projector USING (true);
GRANT SELECT (session_id, position, role, content) ON memory.messages TO mnemograph_projector;
CREATE POLICY projector ON memory.messages FOR SELECT TO mnemograph_projector USING (true);
GRANT SELECT (session_id, summary) ON memory.session_summaries TO mnemograph_projector;
CREATE POLICY projector ON memory.session_summaries FOR SELECT TO mnemograph_projector USING (true);

-- Projections are rebuilt from the last event of every memory, stored vector and session that is there: none is trimmed.
DROP INDEX events.log_rebuilt;
CREATE INDEX log_rebuilt ON events.log (aggregate_id, xid, seq) WHERE aggregate_type IN ('Memory', 'Vector', 'ChatSession');
CREATE OR REPLACE FUNCTION events.trim(older_than interval, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  now_epoch integer := (SELECT system.epoch FROM app.system);
  gone record;
  upto record;
  passed integer;
BEGIN
  SELECT t.xid, t.seq INTO gone FROM (
    SELECT trimmed.xid, trimmed.seq FROM events.trimmed WHERE trimmed.epoch = now_epoch
    UNION ALL SELECT '0'::xid8, 0
  ) AS t LIMIT 1;
  WITH batch AS (
    SELECT log.xid, log.seq,
           log.at < now() - older_than AND NOT EXISTS (
             SELECT FROM events.positions AS p
             WHERE p.epoch = now_epoch AND (p.xid, p.seq) < (log.xid, log.seq)
           ) AS due
    FROM events.log
    WHERE (log.xid, log.seq) > (gone.xid, gone.seq) AND log.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY log.xid, log.seq
    LIMIT most
  ), numbered AS (
    SELECT *, bool_and(batch.due) OVER (ORDER BY batch.xid, batch.seq) AS goes FROM batch
  )
  SELECT numbered.xid, numbered.seq, count(*) OVER () AS total INTO upto
  FROM numbered WHERE numbered.goes ORDER BY numbered.xid DESC, numbered.seq DESC LIMIT 1;
  IF NOT FOUND THEN RETURN 0; END IF;
  passed := upto.total;
  DELETE FROM events.log AS old
  WHERE old.aggregate_type IN ('Memory', 'Vector', 'ChatSession') AND (old.xid, old.seq) <= (upto.xid, upto.seq)
    AND old.aggregate_id IN (
      SELECT log.aggregate_id FROM events.log
      WHERE log.aggregate_type IN ('Memory', 'Vector', 'ChatSession') AND (log.xid, log.seq) > (gone.xid, gone.seq)
        AND (log.xid, log.seq) <= (upto.xid, upto.seq)
    )
    AND (old.kind IN ('FORGOTTEN', 'EXPIRED', 'VECTOR_REMOVED', 'SESSION_DELETED') OR EXISTS (
      SELECT FROM events.log AS later
      WHERE later.aggregate_type IN ('Memory', 'Vector', 'ChatSession') AND later.aggregate_id = old.aggregate_id
        AND (later.xid, later.seq) > (old.xid, old.seq)
    ));
  DELETE FROM events.log AS old
  WHERE old.aggregate_type NOT IN ('Memory', 'Vector', 'ChatSession') AND (old.xid, old.seq) > (gone.xid, gone.seq)
    AND (old.xid, old.seq) <= (upto.xid, upto.seq);
  INSERT INTO events.trimmed (id, epoch, xid, seq) VALUES (1, now_epoch, upto.xid, upto.seq)
  ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, xid = excluded.xid, seq = excluded.seq;
  RETURN passed;
END
$$;

-- Sessions of before get their vectors too, and an event that tells of them, where theirs have been trimmed.
ALTER TABLE memory.chat_sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE events.log NO FORCE ROW LEVEL SECURITY;
INSERT INTO events.log (epoch, tenant_id, owner_id, actor_id, room, kind, aggregate_type, aggregate_id, version,
                        audience_before, audience_after, payload)
SELECT system.epoch, session.tenant_id, session.owner_id, NULL, 'memory', 'SESSION_TOLD', 'ChatSession', session.id,
       session.version, ARRAY[session.owner_id], ARRAY[session.owner_id], '{}'
FROM memory.chat_sessions AS session CROSS JOIN app.system ORDER BY session.ordinal;
ALTER TABLE events.log FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.chat_sessions FORCE ROW LEVEL SECURITY;
