CREATE SCHEMA events;
GRANT USAGE ON SCHEMA events TO mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents,
  mnemograph_projector, mnemograph_definer;

CREATE SEQUENCE events.log_seq;
GRANT USAGE ON SEQUENCE events.log_seq TO mnemograph_definer;

-- Every change, in the transaction that made it. An event holds ids and what filters and replay need when the row is
-- gone; never content. Read in the order (xid, seq) below the snapshot's horizon: sequence numbers alone become visible
-- out of order, and a reader that trusted them would lose events.
CREATE TABLE events.log (
  epoch integer NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  seq bigint NOT NULL DEFAULT nextval('events.log_seq'),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  actor_id uuid,
  room text NOT NULL,
  kind text NOT NULL,
  aggregate_type text NOT NULL,
  aggregate_id uuid NOT NULL,
  version integer NOT NULL,
  audience_before uuid[] NOT NULL,
  audience_after uuid[] NOT NULL,
  payload jsonb NOT NULL,
  trace_id text,
  PRIMARY KEY (xid, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE events.log_default PARTITION OF events.log DEFAULT;
CREATE INDEX log_owner ON events.log (owner_id, xid, seq);
SELECT app.ensure_partitions('events.log', 2);
ALTER TABLE events.log ENABLE ROW LEVEL SECURITY;
ALTER TABLE events.log FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON events.log TO mnemograph_definer;
CREATE POLICY definer ON events.log TO mnemograph_definer USING (true) WITH CHECK (true);

-- The one way into the log. Each item: kind, type, id, version, before, after, payload; tenant, actor, room and trace are
-- the transaction's own. Answers each item's place, in the order given.
CREATE FUNCTION events.append(items jsonb) RETURNS TABLE (ordinal bigint, epoch integer, xid text, seq text)
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
GRANT CREATE ON SCHEMA events TO mnemograph_definer;
ALTER FUNCTION events.append(jsonb) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION events.append(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.append(jsonb) TO mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents;

-- The log after a place, in its order, as far as it is settled: a transaction at or above the horizon may still bring
-- events that belong before those already visible.
CREATE FUNCTION events.read(after_xid xid8, after_seq bigint, most integer) RETURNS SETOF events.log
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT * FROM events.log
  WHERE (log.xid, log.seq) > (after_xid, after_seq) AND log.xid < pg_snapshot_xmin(pg_current_snapshot())
  ORDER BY log.xid, log.seq
  LIMIT most;
END;
ALTER FUNCTION events.read(xid8, bigint, integer) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION events.read(xid8, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.read(xid8, bigint, integer) TO mnemograph_projector;

-- The same for one viewer: only what he could see before or can see after. Who speaks is the security context's affair.
CREATE FUNCTION events.read_visible(after_xid xid8, after_seq bigint, most integer) RETURNS SETOF events.log
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT * FROM events.log
  WHERE (log.xid, log.seq) > (after_xid, after_seq) AND log.xid < pg_snapshot_xmin(pg_current_snapshot())
    AND log.tenant_id = (SELECT app.current_tenant_id())
    AND (log.audience_before && (SELECT app.current_principals()) OR log.audience_after && (SELECT app.current_principals()))
  ORDER BY log.xid, log.seq
  LIMIT most;
END;
ALTER FUNCTION events.read_visible(xid8, bigint, integer) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION events.read_visible(xid8, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.read_visible(xid8, bigint, integer)
  TO mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents;

-- The place of the last settled event, and how far the horizon lags behind the present.
CREATE FUNCTION events.head() RETURNS TABLE (epoch integer, xid text, seq text, horizon text)
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
ALTER FUNCTION events.head() OWNER TO mnemograph_definer;

-- How far each projector has come.
CREATE TABLE events.positions (
  projector text PRIMARY KEY,
  epoch integer NOT NULL,
  xid xid8 NOT NULL,
  seq bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON events.positions TO mnemograph_projector;
GRANT SELECT ON events.positions TO mnemograph_memory, mnemograph_knowledge;

CREATE SCHEMA audit;
GRANT USAGE ON SCHEMA audit TO mnemograph_audit, mnemograph_definer;

-- A key for each user. What must be kept of his is kept under it; destroying the key makes it mean nothing.
CREATE TABLE audit.user_keys (
  user_id uuid PRIMARY KEY,
  key bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE audit.user_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.user_keys FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON audit.user_keys TO mnemograph_definer;
CREATE POLICY definer ON audit.user_keys TO mnemograph_definer USING (true) WITH CHECK (true);

-- Who changed which row when. Values are there only as hashes under the owner's key. Append-only: nobody is granted more.
CREATE TABLE audit.audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id uuid,
  owner_id uuid,
  actor_id uuid,
  session_id uuid,
  service text NOT NULL,
  trace_id text,
  table_name text NOT NULL,
  operation text NOT NULL,
  row_id text NOT NULL,
  old_hash bytea,
  new_hash bytea,
  PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit.audit_log_default PARTITION OF audit.audit_log DEFAULT;
CREATE INDEX audit_log_row ON audit.audit_log (table_name, row_id);
CREATE INDEX audit_log_actor ON audit.audit_log (actor_id, at);
SELECT app.ensure_partitions('audit.audit_log', 2);
ALTER TABLE audit.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.audit_log FORCE ROW LEVEL SECURITY;
GRANT INSERT ON audit.audit_log TO mnemograph_definer;
GRANT SELECT ON audit.audit_log TO mnemograph_audit;
CREATE POLICY append ON audit.audit_log FOR INSERT TO mnemograph_definer WITH CHECK (true);
CREATE POLICY read_tenant ON audit.audit_log FOR SELECT TO mnemograph_audit
  USING (tenant_id = (SELECT app.current_tenant_id()));

CREATE FUNCTION audit.row_hash(owner uuid, body text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
RETURN sha256((SELECT user_keys.key FROM audit.user_keys WHERE user_keys.user_id = owner) || convert_to(body, 'UTF8'));

-- One entry for each changed row, written by statement, so that a batch costs one insert.
-- What is the same for the whole statement is asked once, in a subselect of its own.
CREATE FUNCTION audit.record_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  -- The same hash as audit.row_hash, with the key looked up by a join: a batch brings many rows of one owner.
  INSERT INTO audit.audit_log (tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, new_hash)
  SELECT (row.j ->> 'tenant_id')::uuid, row.owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()), (SELECT app.current_service()),
         (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP, row.j ->> 'id',
         sha256(user_keys.key || convert_to(row.j::text, 'UTF8'))
  FROM (SELECT j, coalesce(j ->> 'owner_id', j ->> 'id')::uuid AS owner
        FROM (SELECT to_jsonb(n) AS j FROM new_rows n OFFSET 0) AS rows OFFSET 0) AS row
  LEFT JOIN audit.user_keys ON user_keys.user_id = row.owner;
  RETURN NULL;
END
$$;
CREATE FUNCTION audit.record_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO audit.audit_log (tenant_id, owner_id, actor_id, session_id, service, trace_id, table_name, operation, row_id, old_hash)
  SELECT (row.j ->> 'tenant_id')::uuid, row.owner, (SELECT app.current_user_id()), (SELECT app.current_session_id()), (SELECT app.current_service()),
         (SELECT app.setting('trace_id')), TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, TG_OP, row.j ->> 'id', audit.row_hash(row.owner, row.j::text)
  FROM (SELECT j, coalesce(j ->> 'owner_id', j ->> 'id')::uuid AS owner FROM (SELECT to_jsonb(o) AS j FROM old_rows o) AS rows) AS row;
  RETURN NULL;
END
$$;
CREATE FUNCTION audit.record_update() RETURNS trigger
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
GRANT CREATE ON SCHEMA audit TO mnemograph_definer;
ALTER FUNCTION audit.row_hash(uuid, text) OWNER TO mnemograph_definer;
ALTER FUNCTION audit.record_insert() OWNER TO mnemograph_definer;
ALTER FUNCTION audit.record_delete() OWNER TO mnemograph_definer;
ALTER FUNCTION audit.record_update() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION audit.row_hash(uuid, text) FROM PUBLIC;

-- Puts a table with id, tenant_id and owner_id (or a user's own row) under audit.
CREATE FUNCTION audit.watch(target regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit.record_insert()', target);
  EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit.record_update()', target);
  EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION audit.record_delete()', target);
END
$$;
REVOKE EXECUTE ON FUNCTION audit.watch(regclass) FROM PUBLIC;
