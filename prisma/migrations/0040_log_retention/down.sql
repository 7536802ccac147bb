CREATE OR REPLACE FUNCTION events.head() RETURNS TABLE (epoch integer, xid text, seq text, horizon text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT (SELECT system.epoch FROM app.system), coalesce(last.xid, '0'::xid8)::text, coalesce(last.seq, 0)::text,
         pg_snapshot_xmin(pg_current_snapshot())::text
  FROM (SELECT 1) AS one
  LEFT JOIN LATERAL (
    SELECT log.xid, log.seq FROM events.log
    WHERE log.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY log.xid DESC, log.seq DESC LIMIT 1
  ) AS last ON true;
END;
DROP FUNCTION events.trimmed_to();
DROP FUNCTION events.trim(interval, integer);
DROP INDEX events.log_memory;
REVOKE DELETE ON events.log FROM mnemograph_definer;
REVOKE SELECT ON events.positions FROM mnemograph_definer;
DROP TABLE events.trimmed;
