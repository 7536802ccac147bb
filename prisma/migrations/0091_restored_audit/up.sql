-- The audit is in the order of transaction ids, and its chain vouches for them. A restore brings ids of another cluster:
-- those that are to come here are then lifted above them. This is a function of a constant, so that an entry costs no look.
CREATE FUNCTION audit.lifted(id xid8) RETURNS xid8 LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN id;

CREATE FUNCTION audit.lift(by bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION audit.lifted(id xid8) RETURNS xid8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (id::text::numeric + %s)::text::xid8', by);
END
$$;
REVOKE EXECUTE ON FUNCTION audit.lift(bigint) FROM PUBLIC;

ALTER TABLE audit.audit_log ALTER COLUMN xid SET DEFAULT audit.lifted(pg_current_xact_id());

CREATE OR REPLACE FUNCTION audit.next_seals(after_xid xid8, after_id bigint, most integer)
RETURNS TABLE (month date, until_xid text, until_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH batch AS MATERIALIZED (
    SELECT audit_log.xid, audit_log.id, audit_log.at FROM audit.audit_log
    WHERE (audit_log.xid, audit_log.id) > (after_xid, after_id)
      AND audit_log.xid < audit.lifted(pg_snapshot_xmin(pg_current_snapshot()))
    ORDER BY audit_log.xid, audit_log.id LIMIT most
  ), last AS (
    SELECT batch.xid, batch.id FROM batch ORDER BY batch.xid DESC, batch.id DESC LIMIT 1
  )
  SELECT DISTINCT date_trunc('month', batch.at AT TIME ZONE 'UTC')::date, last.xid::text, last.id::text FROM batch CROSS JOIN last
  ORDER BY 1;
END;
