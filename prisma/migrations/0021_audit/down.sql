DROP FUNCTION audit.own_key(), audit.own_values(bigint[]), audit.keep_values(bigint[], bytea[]), audit.waiting_values(integer),
  audit.count_entries(xid8, bigint), audit.next_seals(xid8, bigint, integer), audit.digest(date, xid8, bigint, xid8, bigint),
  audit.cleanup_old_data(interval), audit.note_dropped(text, date), audit.measure(interval), audit.detect_security_anomalies(interval),
  audit.log_vector_operation(text, text, integer, double precision), audit.log_access(text, text, integer, uuid[]),
  audit.check_security_violation(text, uuid), audit.report_violation(text, text, jsonb), app.table_of(text);
CREATE OR REPLACE FUNCTION audit.record_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO audit.audit_log (tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, old_hash)
  SELECT (row.j ->> 'tenant_id')::uuid, row.owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()), (SELECT app.current_service()),
         (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP, row.j ->> 'id', audit.row_hash(row.owner, row.j::text)
  FROM (SELECT j, coalesce(j ->> 'owner_id', j ->> 'id')::uuid AS owner FROM (SELECT to_jsonb(o) AS j FROM old_rows o) AS rows) AS row;
  RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION audit.record_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO audit.audit_log (tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, old_hash, new_hash)
  SELECT (row.j ->> 'tenant_id')::uuid, row.owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()), (SELECT app.current_service()),
         (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP, row.j ->> 'id',
         audit.row_hash(row.owner, row.before::text), audit.row_hash(row.owner, row.j::text)
  FROM (SELECT o.j AS before, n.j, coalesce(n.j ->> 'owner_id', n.j ->> 'id')::uuid AS owner
        FROM (SELECT to_jsonb(n) AS j FROM new_rows n) AS n
        JOIN (SELECT to_jsonb(o) AS j FROM old_rows o) AS o ON o.j ->> 'id' = n.j ->> 'id') AS row;
  RETURN NULL;
END
$$;
DROP FUNCTION audit.kept(jsonb, jsonb);
DROP TABLE audit.pending_values, audit.entry_values, audit.security_violations, audit.data_access_log, audit.security_metrics,
  audit.seals, audit.dropped_partitions;
DROP POLICY read_own ON audit.audit_log;
DROP POLICY read_staff ON audit.audit_log;
DROP POLICY read_all ON audit.audit_log;
CREATE POLICY read_tenant ON audit.audit_log FOR SELECT TO mnemograph_audit USING (tenant_id = (SELECT app.current_tenant_id()));
DROP FUNCTION app.is_staff();
DROP INDEX audit.audit_log_order, audit.audit_log_owner;
ALTER TABLE audit.audit_log DROP COLUMN xid;
