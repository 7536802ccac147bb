-- How far the log has been trimmed: a place before this one cannot be replayed from. One row, none at first.
CREATE TABLE events.trimmed (
  id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  epoch integer NOT NULL,
  xid xid8 NOT NULL,
  seq bigint NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON events.trimmed TO mnemograph_definer;
GRANT DELETE ON events.log TO mnemograph_definer;
GRANT SELECT ON events.positions TO mnemograph_definer;

-- Finds a memory's other events when one of them is trimmed.
CREATE INDEX log_memory ON events.log (aggregate_id, xid, seq) WHERE aggregate_type = 'Memory';

-- Removes the oldest events, at most so many at a time; answers how many it has gone over. What a projector has still to
-- take in stays, and so does the last event of every memory that is there: what is derived is rebuilt from those.
CREATE FUNCTION events.trim(older_than interval, most integer) RETURNS integer
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
ALTER FUNCTION events.trim(interval, integer) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION events.trim(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.trim(interval, integer) TO mnemograph_projector;

-- The place up to which this epoch's log has been trimmed; no row when nothing has.
CREATE FUNCTION events.trimmed_to() RETURNS TABLE (epoch integer, xid text, seq text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT trimmed.epoch, trimmed.xid::text, trimmed.seq::text
  FROM events.trimmed JOIN app.system ON system.epoch = trimmed.epoch;
END;
ALTER FUNCTION events.trimmed_to() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION events.trimmed_to() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.trimmed_to() TO mnemograph_projector;

-- A log that has been trimmed to its end still has its head where it was.
CREATE OR REPLACE FUNCTION events.head() RETURNS TABLE (epoch integer, xid text, seq text, horizon text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT system.epoch, coalesce(last.xid, '0'::xid8)::text, coalesce(last.seq, 0)::text,
         pg_snapshot_xmin(pg_current_snapshot())::text
  FROM app.system
  LEFT JOIN LATERAL (
    SELECT place.xid, place.seq FROM (
      (SELECT log.xid, log.seq FROM events.log
       WHERE log.xid < pg_snapshot_xmin(pg_current_snapshot())
       ORDER BY log.xid DESC, log.seq DESC LIMIT 1)
      UNION ALL
      (SELECT trimmed.xid, trimmed.seq FROM events.trimmed WHERE trimmed.epoch = system.epoch)
    ) AS place
    ORDER BY place.xid DESC, place.seq DESC LIMIT 1
  ) AS last ON true;
END;
