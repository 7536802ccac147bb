-- The same places as before. An item's columns are taken from it together, what is the same for all is asked once, and the
-- places need not be joined to what they were given for: they come in its order.
CREATE OR REPLACE FUNCTION events.append(items jsonb) RETURNS TABLE (ordinal bigint, epoch integer, xid text, seq text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH written AS (
    INSERT INTO events.log (epoch, seq, tenant_id, owner_id, actor_id, room, kind, aggregate_type, aggregate_id, version,
                            audience_before, audience_after, payload, trace_id)
    SELECT (SELECT system.epoch FROM app.system), given.seq, (SELECT app.current_tenant_id()),
           coalesce(given.owner, (SELECT app.current_user_id())), (SELECT app.current_user_id()), (SELECT app.current_service()),
           given.kind, given.type, given.id, coalesce(given.version, 1), coalesce(given.before, '{}'), coalesce(given.after, '{}'),
           coalesce(given.payload, '{}'), (SELECT app.setting('trace_id'))
    FROM (
      SELECT nextval('events.log_seq') AS seq, item.*
      FROM ROWS FROM (jsonb_to_recordset(items) AS (owner uuid, kind text, type text, id uuid, version integer, before uuid[],
                                                    after uuid[], payload jsonb)) WITH ORDINALITY AS item
      ORDER BY item.ordinality
    ) AS given
    RETURNING log.epoch, log.xid, log.seq
  )
  SELECT row_number() OVER (ORDER BY written.seq), written.epoch, written.xid::text, written.seq::text
  FROM written ORDER BY written.seq;
END;

-- The same entries as before; where nothing was removed, nothing is worked out.
CREATE OR REPLACE FUNCTION audit.record_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  unkept text[];
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows) THEN RETURN NULL; END IF;
  unkept := audit.unkept(TG_RELID);
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
