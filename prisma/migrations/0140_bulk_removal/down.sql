DROP TRIGGER forget_hanging ON memory.memories;
DROP FUNCTION memory.forget_hanging();
CREATE FUNCTION memory.forget_relations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  DELETE FROM memory.relationships WHERE relationships.source_id = NEW.id;
  DELETE FROM memory.relationships WHERE relationships.target_id = NEW.id;
  DELETE FROM memory.sources WHERE sources.memory_id = NEW.id;
  DELETE FROM memory.sources WHERE sources.source_memory_id = NEW.id;
  RETURN NULL;
END
$$;
ALTER FUNCTION memory.forget_relations() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.forget_relations() FROM PUBLIC;
CREATE TRIGGER forget_relations AFTER UPDATE OF forgotten_at ON memory.memories
  FOR EACH ROW WHEN (OLD.forgotten_at IS NULL AND NEW.forgotten_at IS NOT NULL) EXECUTE FUNCTION memory.forget_relations();
CREATE OR REPLACE FUNCTION memory.follow_past() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF TG_TABLE_NAME = 'revisions' THEN
    PERFORM memory.keep_past(NEW);
  ELSIF NEW.forgotten_at IS NOT NULL THEN
    DELETE FROM memory.past_postings WHERE past_postings.memory_id = NEW.id;
  ELSE
    UPDATE memory.past_postings
    SET shelf_id = CASE WHEN NEW.visibility = 'PUBLIC' AND past_postings.was_open THEN NEW.tenant_id ELSE NEW.owner_id END
    WHERE past_postings.memory_id = NEW.id;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER forget_past AFTER UPDATE OF forgotten_at ON memory.memories
  FOR EACH ROW WHEN (OLD.forgotten_at IS NULL AND NEW.forgotten_at IS NOT NULL) EXECUTE FUNCTION memory.follow_past();
CREATE FUNCTION memory.forget_vectors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  DELETE FROM memory.vectors WHERE vectors.memory_id = NEW.id;
  RETURN NULL;
END
$$;
ALTER FUNCTION memory.forget_vectors() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.forget_vectors() FROM PUBLIC;
CREATE TRIGGER forget_vectors AFTER UPDATE OF forgotten_at ON memory.memories
  FOR EACH ROW WHEN (OLD.forgotten_at IS NULL AND NEW.forgotten_at IS NOT NULL) EXECUTE FUNCTION memory.forget_vectors();

-- What of a row is kept beside its hash: not what a user says or may come to forget, and nothing that signs in.
CREATE FUNCTION audit.kept(body jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_object_agg(item.key, item.value) FROM jsonb_each(body) AS item
  WHERE (other -> item.key) IS DISTINCT FROM item.value
    AND item.key !~ '(hash|secret|token|sealed|cipher|key|content|terms|metadata|payload|context|tool_calls|configuration|value|words)';
END;
ALTER FUNCTION audit.kept(jsonb, jsonb) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION audit.kept(jsonb, jsonb) FROM PUBLIC;
CREATE OR REPLACE FUNCTION audit.record_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  WITH gone AS MATERIALIZED (
    SELECT nextval('audit.audit_log_id_seq') AS entry, j, coalesce(j ->> 'owner_id', j ->> 'id')::uuid AS owner
    FROM (SELECT to_jsonb(o) AS j FROM old_rows o) AS rows
  ), logged AS (
    INSERT INTO audit.audit_log (id, tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, old_hash)
    OVERRIDING SYSTEM VALUE
    SELECT entry, (j ->> 'tenant_id')::uuid, owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()),
           (SELECT app.current_service()), (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP,
           coalesce(j ->> 'id', ''), audit.row_hash(owner, j::text)
    FROM gone
  )
  INSERT INTO audit.pending_values (entry_id, tenant_id, owner_id, old_values)
  SELECT entry, (j ->> 'tenant_id')::uuid, owner, audit.kept(j, '{}') FROM gone
  WHERE EXISTS (SELECT FROM audit.user_keys WHERE user_keys.user_id = owner) AND audit.kept(j, '{}') IS NOT NULL;
  RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION audit.record_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  WITH changed AS MATERIALIZED (
    SELECT nextval('audit.audit_log_id_seq') AS entry, o.j AS before, n.j AS after, coalesce(n.j ->> 'owner_id', n.j ->> 'id')::uuid AS owner
    FROM (SELECT to_jsonb(n) AS j FROM new_rows n) AS n
    JOIN (SELECT to_jsonb(o) AS j FROM old_rows o) AS o ON o.j ->> 'id' = n.j ->> 'id'
  ), logged AS (
    INSERT INTO audit.audit_log (id, tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, old_hash, new_hash)
    OVERRIDING SYSTEM VALUE
    SELECT entry, (after ->> 'tenant_id')::uuid, owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()),
           (SELECT app.current_service()), (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP,
           after ->> 'id', audit.row_hash(owner, before::text), audit.row_hash(owner, after::text)
    FROM changed
  )
  INSERT INTO audit.pending_values (entry_id, tenant_id, owner_id, old_values, new_values)
  SELECT entry, (after ->> 'tenant_id')::uuid, owner, coalesce(old_values, '{}'), new_values
  FROM (SELECT *, audit.kept(before, after) AS old_values, audit.kept(after, before) AS new_values FROM changed OFFSET 0) AS kept
  WHERE coalesce(old_values, new_values) IS NOT NULL
    AND EXISTS (SELECT FROM audit.user_keys WHERE user_keys.user_id = owner);
  RETURN NULL;
END
$$;
DROP FUNCTION audit.unkept(oid);
