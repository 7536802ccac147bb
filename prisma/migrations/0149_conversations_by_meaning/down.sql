DROP INDEX events.log_rebuilt;
CREATE INDEX log_rebuilt ON events.log (aggregate_id, xid, seq) WHERE aggregate_type IN ('Memory', 'Vector');
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
  WHERE old.aggregate_type IN ('Memory', 'Vector') AND (old.xid, old.seq) <= (upto.xid, upto.seq)
    AND old.aggregate_id IN (
      SELECT log.aggregate_id FROM events.log
      WHERE log.aggregate_type IN ('Memory', 'Vector') AND (log.xid, log.seq) > (gone.xid, gone.seq)
        AND (log.xid, log.seq) <= (upto.xid, upto.seq)
    )
    AND (old.kind IN ('FORGOTTEN', 'EXPIRED', 'VECTOR_REMOVED') OR EXISTS (
      SELECT FROM events.log AS later
      WHERE later.aggregate_type IN ('Memory', 'Vector') AND later.aggregate_id = old.aggregate_id
        AND (later.xid, later.seq) > (old.xid, old.seq)
    ));
  DELETE FROM events.log AS old
  WHERE old.aggregate_type NOT IN ('Memory', 'Vector') AND (old.xid, old.seq) > (gone.xid, gone.seq)
    AND (old.xid, old.seq) <= (upto.xid, upto.seq);
  INSERT INTO events.trimmed (id, epoch, xid, seq) VALUES (1, now_epoch, upto.xid, upto.seq)
  ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, xid = excluded.xid, seq = excluded.seq;
  RETURN passed;
END
$$;

DROP VIEW memory.conversations;
DROP POLICY projector ON memory.session_summaries;
REVOKE SELECT (session_id, summary) ON memory.session_summaries FROM mnemograph_projector;
DROP POLICY projector ON memory.messages;
REVOKE SELECT (session_id, position, role, content) ON memory.messages FROM mnemograph_projector;
DROP POLICY projector ON memory.chat_sessions;
REVOKE SELECT (id, tenant_id, owner_id, title, version, message_count, deleted_messages) ON memory.chat_sessions FROM mnemograph_projector;
-- Vectors of sessions are of nothing that the version before knows.
ALTER TABLE memory.chat_sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.embeddings NO FORCE ROW LEVEL SECURITY;
DELETE FROM memory.embeddings USING memory.chat_sessions AS session WHERE embeddings.memory_id = session.id;
ALTER TABLE memory.embeddings FORCE ROW LEVEL SECURITY;
ALTER TABLE memory.chat_sessions FORCE ROW LEVEL SECURITY;
