-- The order in which entries are sealed: as the log of events is read, below the snapshot's horizon.
ALTER TABLE audit.audit_log ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX audit_log_order ON audit.audit_log (xid, id);
CREATE INDEX audit_log_owner ON audit.audit_log (owner_id, id);
GRANT SELECT ON audit.audit_log TO mnemograph_definer;
CREATE POLICY read_all ON audit.audit_log FOR SELECT TO mnemograph_definer USING (true);

-- Admins and analysts look into their tenant. Judged by the database, not by what a token says.
CREATE FUNCTION app.is_staff() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM users.users WHERE users.id = app.current_user_id() AND users.tenant_id = app.current_tenant_id()
    AND users.role IN ('ADMIN', 'ANALYST') AND users.status = 'ACTIVE');
END;
ALTER FUNCTION app.is_staff() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION app.is_staff() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.is_staff() TO mnemograph_audit, mnemograph_users;

DROP POLICY read_tenant ON audit.audit_log;
CREATE POLICY read_own ON audit.audit_log FOR SELECT TO mnemograph_audit
  USING (tenant_id = (SELECT app.current_tenant_id())
    AND (owner_id = (SELECT app.current_user_id()) OR actor_id = (SELECT app.current_user_id())));
CREATE POLICY read_staff ON audit.audit_log FOR SELECT TO mnemograph_audit
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_staff()));

-- What changed, for a moment as it is, until the sealer has put it under the owner's key.
CREATE TABLE audit.pending_values (
  entry_id bigint PRIMARY KEY,
  tenant_id uuid,
  owner_id uuid NOT NULL,
  old_values jsonb NOT NULL,
  new_values jsonb
);
CREATE INDEX pending_values_owner ON audit.pending_values (owner_id);
-- What changed, under the key of whose row it was. Erasing him destroys the key.
CREATE TABLE audit.entry_values (
  entry_id bigint PRIMARY KEY,
  tenant_id uuid,
  owner_id uuid NOT NULL,
  sealed bytea NOT NULL
);
CREATE INDEX entry_values_owner ON audit.entry_values (owner_id);

-- What was refused, or looks like an attack. Holds ids and counts, never content.
CREATE TABLE audit.security_violations (
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id uuid,
  user_id uuid,
  session_id uuid,
  service text NOT NULL,
  kind text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH')),
  details jsonb NOT NULL DEFAULT '{}',
  trace_id text,
  PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit.security_violations_default PARTITION OF audit.security_violations DEFAULT;
CREATE INDEX security_violations_user ON audit.security_violations (user_id, at);

-- Who read what is sensitive, and what was done with vectors.
CREATE TABLE audit.data_access_log (
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tenant_id uuid,
  user_id uuid,
  session_id uuid,
  service text NOT NULL,
  kind text NOT NULL,
  object text NOT NULL,
  -- How many things were read, and of which users.
  amount integer NOT NULL,
  subjects uuid[] NOT NULL DEFAULT '{}',
  took_ms double precision,
  trace_id text,
  PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit.data_access_log_default PARTITION OF audit.data_access_log DEFAULT;
CREATE INDEX data_access_log_user ON audit.data_access_log (user_id, at);

CREATE TABLE audit.security_metrics (
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  name text NOT NULL,
  value double precision NOT NULL,
  PRIMARY KEY (name, at)
);

-- The chain. Each link holds the digest of the entries between two places of one month, and the hash of the link before.
-- A dropped partition is a link too, so that its entries are missed by nobody.
CREATE TABLE audit.seals (
  number bigint PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('ENTRIES', 'DROPPED')),
  month date NOT NULL,
  after_xid xid8 NOT NULL,
  after_id bigint NOT NULL,
  until_xid xid8 NOT NULL,
  until_id bigint NOT NULL,
  entries bigint NOT NULL,
  digest bytea NOT NULL,
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL,
  signature bytea NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Partitions that retention has dropped, until the sealer has put them into the chain.
CREATE TABLE audit.dropped_partitions (
  name text PRIMARY KEY,
  month date NOT NULL,
  dropped_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

SELECT app.ensure_partitions(('audit.' || name)::regclass, 2) FROM unnest(ARRAY['security_violations', 'data_access_log']) AS name;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['pending_values', 'entry_values', 'security_violations', 'data_access_log', 'security_metrics', 'seals', 'dropped_partitions'] LOOP
    EXECUTE format('ALTER TABLE audit.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE audit.%I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
END
$$;
GRANT USAGE ON SCHEMA audit TO mnemograph_privacy, mnemograph_projector, mnemograph_users, mnemograph_memory,
  mnemograph_knowledge, mnemograph_agents;
GRANT INSERT ON audit.security_violations, audit.data_access_log TO mnemograph_definer;
GRANT SELECT, INSERT, DELETE ON audit.pending_values, audit.entry_values TO mnemograph_definer;
GRANT UPDATE (sealed) ON audit.entry_values TO mnemograph_definer;
GRANT SELECT ON audit.security_violations, audit.data_access_log TO mnemograph_audit, mnemograph_definer;
GRANT SELECT, INSERT ON audit.security_metrics TO mnemograph_definer;
GRANT SELECT ON audit.security_metrics TO mnemograph_audit;
GRANT SELECT, INSERT ON audit.seals TO mnemograph_audit;
GRANT SELECT, INSERT ON audit.dropped_partitions TO mnemograph_definer;
GRANT SELECT ON audit.dropped_partitions TO mnemograph_audit;
GRANT USAGE ON SEQUENCE audit.audit_log_id_seq TO mnemograph_definer;
GRANT SELECT, DELETE ON audit.pending_values, audit.entry_values TO mnemograph_privacy;
CREATE POLICY privacy ON audit.pending_values TO mnemograph_privacy USING (owner_id = (SELECT app.current_user_id()));
CREATE POLICY privacy ON audit.entry_values TO mnemograph_privacy USING (owner_id = (SELECT app.current_user_id()));
CREATE POLICY definer ON audit.pending_values TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON audit.entry_values TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON audit.security_violations TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON audit.data_access_log TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON audit.security_metrics TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON audit.dropped_partitions TO mnemograph_definer USING (true) WITH CHECK (true);
CREATE POLICY read_staff ON audit.security_violations FOR SELECT TO mnemograph_audit
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_staff()));
CREATE POLICY read_staff ON audit.data_access_log FOR SELECT TO mnemograph_audit
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_staff()));
CREATE POLICY read_staff ON audit.security_metrics FOR SELECT TO mnemograph_audit USING ((SELECT app.is_staff()));
-- The chain is of the whole system and tells of nobody.
CREATE POLICY chain ON audit.seals TO mnemograph_audit USING (true) WITH CHECK (true);
CREATE POLICY chain ON audit.dropped_partitions FOR SELECT TO mnemograph_audit USING (true);

-- What of a row is kept beside its hash: not what a user says or may come to forget, and nothing that signs in.
CREATE FUNCTION audit.kept(body jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT jsonb_object_agg(item.key, item.value) FROM jsonb_each(body) AS item
  WHERE (other -> item.key) IS DISTINCT FROM item.value
    AND item.key !~ '(hash|secret|token|sealed|cipher|key|content|terms|metadata|payload|context|tool_calls|configuration|value|words)';
END;

-- Of an insertion the row itself is there; of a change, what it was and what it became; of a removal, what it was.
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

-- The table that a type of the graph is kept in.
CREATE FUNCTION app.table_of(type text) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT class.oid::regclass FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE class.relname = regexp_replace(lower(regexp_replace(type, '(.)([A-Z])', '\1_\2', 'g')) || 's', 'ys$', 'ies')
    AND class.relkind IN ('r', 'p') AND space.nspname IN ('users', 'memory', 'knowledge', 'agents', 'app') LIMIT 1;
END;

-- Notes what looks like an attack, for the security context's user.
CREATE FUNCTION audit.report_violation(kind text, severity text, details jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  INSERT INTO audit.security_violations (tenant_id, user_id, session_id, service, kind, severity, details, trace_id)
  VALUES (app.current_tenant_id(), app.current_user_id(), app.current_session_id(), app.current_service(), kind, severity, details,
          app.setting('trace_id'));
END;

-- Whether a thing that the user was refused is there and another's: he has named what he cannot have been told of. Notes it.
CREATE FUNCTION audit.check_security_violation(type text, thing uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  target regclass := app.table_of(type);
  holder record;
BEGIN
  IF target IS NULL OR NOT EXISTS (SELECT FROM app.owned_tables WHERE name = target) THEN RETURN false; END IF;
  EXECUTE format('SELECT owner_id, tenant_id FROM %s WHERE id = $1', target) INTO holder USING thing;
  IF holder.owner_id IS NULL OR holder.owner_id = app.current_user_id() THEN RETURN false; END IF;
  PERFORM audit.report_violation('FOREIGN_ID',
    CASE WHEN holder.tenant_id = app.current_tenant_id() THEN 'LOW' ELSE 'MEDIUM' END, jsonb_build_object('type', type, 'id', thing));
  RETURN true;
END
$$;

-- Notes that something sensitive was read.
CREATE FUNCTION audit.log_access(kind text, object text, amount integer, subjects uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  INSERT INTO audit.data_access_log (tenant_id, user_id, session_id, service, kind, object, amount, subjects, trace_id)
  VALUES (app.current_tenant_id(), app.current_user_id(), app.current_session_id(), app.current_service(), kind, object, amount,
          coalesce(subjects, '{}'), app.setting('trace_id'));
END;

-- Notes what was done with a collection of vectors: SEARCH, PUT or REMOVE.
CREATE FUNCTION audit.log_vector_operation(operation text, collection text, amount integer, took_ms double precision) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  INSERT INTO audit.data_access_log (tenant_id, user_id, session_id, service, kind, object, amount, took_ms, trace_id)
  VALUES (app.current_tenant_id(), app.current_user_id(), app.current_session_id(), app.current_service(), 'VECTOR_' || operation,
          collection, amount, took_ms, app.setting('trace_id'));
END;

-- Looks over the last while for what is unusual: ids of others named again and again, more read or removed than people do.
-- Each is noted once in that while. Answers how many were found.
CREATE FUNCTION audit.detect_security_anomalies(span interval DEFAULT '1 hour') RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH found AS (
    SELECT seen.tenant_id, seen.user_id, 'PROBING' AS kind, count(*) AS amount FROM audit.security_violations AS seen
    WHERE seen.at > now() - span AND seen.kind = 'FOREIGN_ID' GROUP BY 1, 2 HAVING count(*) >= 20
    UNION ALL
    SELECT seen.tenant_id, seen.user_id, 'MASS_READING', sum(seen.amount) FROM audit.data_access_log AS seen
    WHERE seen.at > now() - span AND seen.kind NOT LIKE 'VECTOR\_%' AND seen.user_id IS NOT NULL GROUP BY 1, 2 HAVING sum(seen.amount) >= 5000
    UNION ALL
    SELECT seen.tenant_id, seen.actor_id, 'MASS_REMOVAL', count(*) FROM audit.audit_log AS seen
    WHERE seen.at > now() - span AND seen.operation = 'DELETE' AND seen.actor_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) >= 1000
  ), fresh AS (
    INSERT INTO audit.security_violations (tenant_id, user_id, service, kind, severity, details)
    SELECT found.tenant_id, found.user_id, 'audit', found.kind, 'HIGH', jsonb_build_object('amount', found.amount) FROM found
    WHERE NOT EXISTS (SELECT FROM audit.security_violations AS noted
      WHERE noted.kind = found.kind AND noted.user_id = found.user_id AND noted.at > now() - span)
    RETURNING 1
  )
  SELECT count(*)::integer FROM fresh;
END;

-- Takes the measure of the last while.
CREATE FUNCTION audit.measure(span interval DEFAULT '1 hour') RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  INSERT INTO audit.security_metrics (name, value)
  SELECT 'audit_entries', count(*) FROM audit.audit_log WHERE at > now() - span
  UNION ALL SELECT 'sensitive_reads', count(*) FROM audit.data_access_log WHERE at > now() - span
  UNION ALL SELECT 'violations', count(*) FROM audit.security_violations WHERE at > now() - span
  UNION ALL SELECT 'values_to_seal', count(*) FROM audit.pending_values;
END;

-- Drops what is older than it must be kept: whole months of the audit. Answers the partitions.
CREATE FUNCTION audit.cleanup_old_data(keep interval DEFAULT '7 years') RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT parent.relname AS parent, child.oid::regclass AS child, to_date(right(child.relname, 6), 'YYYYMM') AS month
    FROM pg_inherits JOIN pg_class AS parent ON parent.oid = inhparent JOIN pg_class AS child ON child.oid = inhrelid
    WHERE parent.relnamespace = 'audit'::regnamespace AND child.relname ~ '_[0-9]{6}$'
      AND (to_date(right(child.relname, 6), 'YYYYMM') + interval '1 month') < now() - greatest(keep, interval '1 month')
  LOOP
    EXECUTE format('DROP TABLE %s', old.child);
    IF old.parent = 'audit_log' THEN PERFORM audit.note_dropped(old.child::text, old.month); END IF;
    RETURN NEXT old.child::text;
  END LOOP;
END
$$;
CREATE FUNCTION audit.note_dropped(partition text, of_month date) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  INSERT INTO audit.dropped_partitions (name, month) VALUES (partition, of_month) ON CONFLICT DO NOTHING;
END;

-- The digest of the entries of a month between two places, and how many they are.
CREATE FUNCTION audit.digest(of_month date, after_xid xid8, after_id bigint, until_xid xid8, until_id bigint)
RETURNS TABLE (entries bigint, digest bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT count(*), sha256(coalesce(string_agg(sha256(convert_to(jsonb_build_array(
           audit_log.xid::text, audit_log.id, extract(epoch FROM audit_log.at)::text, audit_log.tenant_id, audit_log.owner_id,
           audit_log.actor_id, audit_log.session_id, audit_log.service, audit_log.trace_id, audit_log.table_name,
           audit_log.operation, audit_log.row_id, encode(audit_log.old_hash, 'hex'), encode(audit_log.new_hash, 'hex'))::text, 'UTF8')),
           '' ORDER BY audit_log.xid, audit_log.id), ''))
  FROM audit.audit_log
  WHERE (audit_log.xid, audit_log.id) > (after_xid, after_id) AND (audit_log.xid, audit_log.id) <= (until_xid, until_id)
    AND audit_log.at >= (of_month::timestamp AT TIME ZONE 'UTC')
    AND audit_log.at < ((of_month + interval '1 month') AT TIME ZONE 'UTC');
END;

-- The next entries to seal: up to which place, and of which months they are. What is above the horizon waits.
CREATE FUNCTION audit.next_seals(after_xid xid8, after_id bigint, most integer)
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

-- How many entries of each month are at or before a place.
CREATE FUNCTION audit.count_entries(until_xid xid8, until_id bigint) RETURNS TABLE (month date, entries bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT date_trunc('month', audit_log.at AT TIME ZONE 'UTC')::date, count(*) FROM audit.audit_log
  WHERE (audit_log.xid, audit_log.id) <= (until_xid, until_id) GROUP BY 1;
END;

-- Values that wait for their owner's key, with it; and those that are under it, put in their place.
CREATE FUNCTION audit.waiting_values(most integer)
RETURNS TABLE (entry_id text, owner_id uuid, body text, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT pending_values.entry_id::text, pending_values.owner_id,
         jsonb_build_object('old', pending_values.old_values, 'new', pending_values.new_values)::text, user_keys.key
  FROM audit.pending_values LEFT JOIN audit.user_keys ON user_keys.user_id = pending_values.owner_id
  ORDER BY pending_values.entry_id LIMIT most;
END;
CREATE FUNCTION audit.keep_values(entries bigint[], sealed bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH taken AS (
    DELETE FROM audit.pending_values WHERE pending_values.entry_id = ANY (entries) RETURNING *
  )
  INSERT INTO audit.entry_values (entry_id, tenant_id, owner_id, sealed)
  SELECT taken.entry_id, taken.tenant_id, taken.owner_id, item.body
  FROM taken JOIN ROWS FROM (unnest(entries), unnest(sealed)) AS item (entry, body) ON item.entry = taken.entry_id
  -- Whoever was erased in the meantime has no key any more.
  WHERE item.body IS NOT NULL AND EXISTS (SELECT FROM audit.user_keys WHERE user_keys.user_id = taken.owner_id)
  ON CONFLICT DO NOTHING;
END;
-- What changed in the viewer's own rows: nobody else is shown it.
CREATE FUNCTION audit.own_values(entries bigint[]) RETURNS TABLE (entry_id text, sealed bytea, body text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT entry_values.entry_id::text, entry_values.sealed, NULL::text FROM audit.entry_values
  WHERE entry_values.entry_id = ANY (entries) AND entry_values.owner_id = app.current_user_id()
  UNION ALL
  SELECT pending_values.entry_id::text, NULL::bytea,
         jsonb_build_object('old', pending_values.old_values, 'new', pending_values.new_values)::text FROM audit.pending_values
  WHERE pending_values.entry_id = ANY (entries) AND pending_values.owner_id = app.current_user_id();
END;
-- The viewer's own key.
CREATE FUNCTION audit.own_key() RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT user_keys.key FROM audit.user_keys WHERE user_keys.user_id = app.current_user_id();
END;

DO $$
DECLARE
  item record;
  everyone text := 'mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents, mnemograph_projector, mnemograph_audit, mnemograph_privacy';
BEGIN
  FOR item IN SELECT * FROM (VALUES
    ('audit.kept(jsonb, jsonb)', 'mnemograph_definer'),
    ('app.table_of(text)', 'mnemograph_definer'),
    ('audit.report_violation(text, text, jsonb)', everyone),
    ('audit.check_security_violation(text, uuid)', everyone),
    ('audit.log_access(text, text, integer, uuid[])', everyone),
    ('audit.log_vector_operation(text, text, integer, double precision)', everyone),
    ('audit.detect_security_anomalies(interval)', 'mnemograph_projector'),
    ('audit.measure(interval)', 'mnemograph_projector'),
    ('audit.digest(date, xid8, bigint, xid8, bigint)', 'mnemograph_audit'),
    ('audit.next_seals(xid8, bigint, integer)', 'mnemograph_audit'),
    ('audit.count_entries(xid8, bigint)', 'mnemograph_audit'),
    ('audit.waiting_values(integer)', 'mnemograph_audit'),
    ('audit.keep_values(bigint[], bytea[])', 'mnemograph_audit'),
    ('audit.own_values(bigint[])', 'mnemograph_audit'),
    ('audit.own_key()', 'mnemograph_audit, mnemograph_users, mnemograph_privacy'),
    ('audit.note_dropped(text, date)', 'mnemograph_migration')
  ) AS list (signature, grantees) LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', item.signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', item.signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', item.signature, item.grantees);
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.cleanup_old_data(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.cleanup_old_data(interval) TO mnemograph_projector;
