DROP TRIGGER forget_vectors ON memory.memories;
DROP TABLE memory.vectors;
DROP FUNCTION memory.forget_vectors();
DROP FUNCTION memory.tell_removed_vectors();
DELETE FROM memory.embeddings WHERE collection <> 'MEMORIES';
-- Loads the extension's library, without which its settings are unknown.
SELECT '[1]'::public.halfvec;
DROP FUNCTION memory.nearest_by_index(text, integer, text, uuid[], text, integer);
ALTER TABLE memory.embeddings DROP COLUMN collection, DROP COLUMN created_at;
DELETE FROM events.log WHERE aggregate_type = 'Vector';
CREATE INDEX log_memory ON events.log (aggregate_id, xid, seq) WHERE aggregate_type = 'Memory';
DROP INDEX events.log_rebuilt;
DELETE FROM app.qdrant_access_control WHERE collection <> 'MEMORIES';
CREATE FUNCTION memory.nearest_by_index(model text, dimensions integer, shelves uuid[], query text, most integer)
RETURNS TABLE (memory_id uuid, score double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog
SET hnsw.iterative_scan = 'strict_order' SET hnsw.ef_search = 100 SET hnsw.max_scan_tuples = 100000 AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT memory_id, 1 - (embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $2::public.halfvec(%1$s))
     FROM memory.embeddings WHERE model = %2$L AND shelf_id = ANY ($1)
     ORDER BY embedding::public.halfvec(%1$s) OPERATOR(public.<=>) $2::public.halfvec(%1$s) LIMIT $3',
    dimensions, model) USING shelves, query, most;
END
$$;
REVOKE EXECUTE ON FUNCTION memory.nearest_by_index(text, integer, uuid[], text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.nearest_by_index(text, integer, uuid[], text, integer) TO mnemograph_projector;

-- Removes the oldest events, at most so many at a time; answers how many it has gone over. What a projector has still to
-- take in stays, and so does the last event of every memory that is there: what is derived is rebuilt from those.
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
  WHERE old.aggregate_type = 'Memory' AND (old.xid, old.seq) <= (upto.xid, upto.seq)
    AND old.aggregate_id IN (
      SELECT log.aggregate_id FROM events.log
      WHERE log.aggregate_type = 'Memory' AND (log.xid, log.seq) > (gone.xid, gone.seq)
        AND (log.xid, log.seq) <= (upto.xid, upto.seq)
    )
    AND (old.kind = 'FORGOTTEN' OR EXISTS (
      SELECT FROM events.log AS later
      WHERE later.aggregate_type = 'Memory' AND later.aggregate_id = old.aggregate_id
        AND (later.xid, later.seq) > (old.xid, old.seq)
    ));
  DELETE FROM events.log AS old
  WHERE old.aggregate_type <> 'Memory' AND (old.xid, old.seq) > (gone.xid, gone.seq)
    AND (old.xid, old.seq) <= (upto.xid, upto.seq);
  INSERT INTO events.trimmed (id, epoch, xid, seq) VALUES (1, now_epoch, upto.xid, upto.seq)
  ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, xid = excluded.xid, seq = excluded.seq;
  RETURN passed;
END
$$;
