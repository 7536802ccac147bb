-- Of a table's columns those whose values the audit never keeps beside a row's hash: what a user says or may come to
-- forget, and what signs in. Asked once for each statement, however many rows it changed.
CREATE FUNCTION audit.unkept(target oid) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT coalesce(array_agg(pg_attribute.attname::text), '{}') FROM pg_attribute
  WHERE pg_attribute.attrelid = target AND pg_attribute.attnum > 0
    AND pg_attribute.attname ~ '(hash|secret|token|sealed|cipher|key|content|terms|metadata|payload|context|tool_calls|configuration|value|words)';
END;
ALTER FUNCTION audit.unkept(oid) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION audit.unkept(oid) FROM PUBLIC;

-- The same entries as before. A function called for each row cost more than the row's removal: keys are joined, and what
-- is kept is worked out in the statement itself.
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
CREATE OR REPLACE FUNCTION audit.record_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  unkept text[] := audit.unkept(TG_RELID);
BEGIN
  WITH changed AS MATERIALIZED (
    SELECT nextval('audit.audit_log_id_seq') AS entry, row.before, row.after, (row.after ->> 'tenant_id')::uuid AS tenant, row.owner, user_keys.key
    FROM (SELECT o.j AS before, n.j AS after, coalesce(n.j ->> 'owner_id', n.j ->> 'id')::uuid AS owner
          FROM (SELECT to_jsonb(n) AS j FROM new_rows n OFFSET 0) AS n
          JOIN (SELECT to_jsonb(o) AS j FROM old_rows o OFFSET 0) AS o ON o.j ->> 'id' = n.j ->> 'id' OFFSET 0) AS row
    LEFT JOIN audit.user_keys ON user_keys.user_id = row.owner
  ), logged AS (
    INSERT INTO audit.audit_log (id, tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, old_hash, new_hash)
    OVERRIDING SYSTEM VALUE
    SELECT entry, tenant, owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()),
           (SELECT app.current_service()), (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP,
           after ->> 'id', sha256(key || convert_to(before::text, 'UTF8')), sha256(key || convert_to(after::text, 'UTF8'))
    FROM changed
  )
  INSERT INTO audit.pending_values (entry_id, tenant_id, owner_id, old_values, new_values)
  SELECT entry, tenant, owner, coalesce(old_values, '{}'), new_values
  FROM (
    SELECT entry, tenant, owner,
           (SELECT jsonb_object_agg(item.key, item.value) FROM jsonb_each(before - unkept) AS item
            WHERE (after -> item.key) IS DISTINCT FROM item.value) AS old_values,
           (SELECT jsonb_object_agg(item.key, item.value) FROM jsonb_each(after - unkept) AS item
            WHERE (before -> item.key) IS DISTINCT FROM item.value) AS new_values
    FROM changed WHERE key IS NOT NULL OFFSET 0
  ) AS kept
  WHERE coalesce(old_values, new_values) IS NOT NULL;
  RETURN NULL;
END
$$;
DROP FUNCTION audit.kept(jsonb, jsonb);

-- What hangs on memories and is another's to say is forgotten with them, in one statement for each table and not for each
-- memory. The memory's row stays, empty, so no foreign key does this.
CREATE FUNCTION memory.forget_hanging() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  forgotten uuid[];
BEGIN
  SELECT array_agg(after.id) INTO forgotten FROM after
  WHERE after.forgotten_at IS NOT NULL AND EXISTS (SELECT FROM before WHERE before.id = after.id AND before.forgotten_at IS NULL);
  IF forgotten IS NULL THEN RETURN NULL; END IF;
  DELETE FROM memory.relationships WHERE relationships.source_id = ANY (forgotten);
  DELETE FROM memory.relationships WHERE relationships.target_id = ANY (forgotten);
  DELETE FROM memory.sources WHERE sources.memory_id = ANY (forgotten);
  DELETE FROM memory.sources WHERE sources.source_memory_id = ANY (forgotten);
  DELETE FROM memory.past_postings WHERE past_postings.memory_id = ANY (forgotten);
  DELETE FROM memory.vectors WHERE vectors.memory_id = ANY (forgotten);
  RETURN NULL;
END
$$;
ALTER FUNCTION memory.forget_hanging() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.forget_hanging() FROM PUBLIC;
-- What is forgotten is no longer this one's affair.
CREATE OR REPLACE FUNCTION memory.follow_past() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF TG_TABLE_NAME = 'revisions' THEN
    PERFORM memory.keep_past(NEW);
  ELSE
    UPDATE memory.past_postings
    SET shelf_id = CASE WHEN NEW.visibility = 'PUBLIC' AND past_postings.was_open THEN NEW.tenant_id ELSE NEW.owner_id END
    WHERE past_postings.memory_id = NEW.id;
  END IF;
  RETURN NULL;
END
$$;
DROP TRIGGER forget_relations ON memory.memories;
DROP TRIGGER forget_past ON memory.memories;
DROP TRIGGER forget_vectors ON memory.memories;
DROP FUNCTION memory.forget_relations(), memory.forget_vectors();
CREATE TRIGGER forget_hanging AFTER UPDATE ON memory.memories REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION memory.forget_hanging();
