CREATE OR REPLACE FUNCTION audit.record_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  unkept text[] := audit.unkept(TG_RELID);
BEGIN
  WITH gone AS MATERIALIZED (
    SELECT nextval('audit.audit_log_id_seq') AS entry, row.j, (row.j ->> 'tenant_id')::uuid AS tenant, row.owner, user_keys.key
    FROM (SELECT j, coalesce(j ->> 'owner_id', j ->> 'id')::uuid AS owner
          FROM (SELECT to_jsonb(o) AS j FROM old_rows o OFFSET 0) AS rows OFFSET 0) AS row
    LEFT JOIN audit.user_keys ON user_keys.user_id = row.owner
  ), logged AS (
    INSERT INTO audit.audit_log (id, tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, old_hash)
    OVERRIDING SYSTEM VALUE
    SELECT entry, tenant, owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()),
           (SELECT app.current_service()), (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP,
           coalesce(j ->> 'id', ''), sha256(key || convert_to(j::text, 'UTF8'))
    FROM gone
  )
  INSERT INTO audit.pending_values (entry_id, tenant_id, owner_id, old_values)
  SELECT entry, tenant, owner, j - unkept FROM gone WHERE key IS NOT NULL;
  RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION events.append(items jsonb) RETURNS TABLE (ordinal bigint, epoch integer, xid text, seq text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH given AS (
    SELECT item.ordinality AS ordinal, nextval('events.log_seq') AS seq, item.value AS body
    FROM jsonb_array_elements(items) WITH ORDINALITY AS item (value, ordinality)
    ORDER BY item.ordinality
  ), written AS (
    INSERT INTO events.log (epoch, seq, tenant_id, owner_id, actor_id, room, kind, aggregate_type, aggregate_id, version,
                            audience_before, audience_after, payload, trace_id)
    SELECT (SELECT system.epoch FROM app.system), given.seq, app.current_tenant_id(),
           coalesce((given.body ->> 'owner')::uuid, app.current_user_id()), app.current_user_id(), app.current_service(),
           given.body ->> 'kind', given.body ->> 'type', (given.body ->> 'id')::uuid,
           coalesce((given.body ->> 'version')::integer, 1),
           ARRAY(SELECT jsonb_array_elements_text(coalesce(given.body -> 'before', '[]'))::uuid),
           ARRAY(SELECT jsonb_array_elements_text(coalesce(given.body -> 'after', '[]'))::uuid),
           coalesce(given.body -> 'payload', '{}'), app.setting('trace_id')
    FROM given
    RETURNING log.epoch, log.xid, log.seq
  )
  SELECT given.ordinal, written.epoch, written.xid::text, written.seq::text
  FROM written JOIN given ON given.seq = written.seq
  ORDER BY given.ordinal;
END;
