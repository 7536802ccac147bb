CREATE OR REPLACE FUNCTION audit.next_seals(after_xid xid8, after_id bigint, most integer)
RETURNS TABLE (month date, until_xid text, until_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH batch AS MATERIALIZED (
    SELECT audit_log.xid, audit_log.id, audit_log.at FROM audit.audit_log
    WHERE (audit_log.xid, audit_log.id) > (after_xid, after_id) AND audit_log.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY audit_log.xid, audit_log.id LIMIT most
  ), last AS (
    SELECT batch.xid, batch.id FROM batch ORDER BY batch.xid DESC, batch.id DESC LIMIT 1
  )
  SELECT DISTINCT date_trunc('month', batch.at AT TIME ZONE 'UTC')::date, last.xid::text, last.id::text FROM batch CROSS JOIN last
  ORDER BY 1;
END;
ALTER TABLE audit.audit_log ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
DROP FUNCTION audit.lift(bigint);
DROP FUNCTION audit.lifted(xid8);
