-- What a user keeps here that only he may read, under the system's key and his own.
CREATE TABLE users.encrypted_fields (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  name text NOT NULL,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (owner_id, name)
);
ALTER TABLE users.encrypted_fields ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.encrypted_fields FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON users.encrypted_fields TO mnemograph_users;
GRANT UPDATE (sealed, updated_at) ON users.encrypted_fields TO mnemograph_users;
CREATE POLICY own ON users.encrypted_fields TO mnemograph_users
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
SELECT audit.watch('users.encrypted_fields');

-- What a user asked to be done with all that is his. It outlives him, with counts and ids alone.
CREATE TABLE users.privacy_requests (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  subject_id uuid NOT NULL,
  requested_by uuid NOT NULL,
  action text NOT NULL CHECK (action IN ('EXPORT', 'ERASE', 'ANONYMIZE')),
  state text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED')),
  attempts integer NOT NULL DEFAULT 0,
  parts integer NOT NULL DEFAULT 0,
  receipt text,
  signature bytea,
  requested_at timestamptz NOT NULL,
  completed_at timestamptz
);
CREATE INDEX privacy_requests_subject ON users.privacy_requests (subject_id, requested_at);
CREATE INDEX privacy_requests_open ON users.privacy_requests (requested_at) WHERE state IN ('PENDING', 'RUNNING');
ALTER TABLE users.privacy_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.privacy_requests FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON users.privacy_requests TO mnemograph_users;
GRANT SELECT, UPDATE (state, attempts, parts, receipt, signature, completed_at) ON users.privacy_requests TO mnemograph_privacy;
CREATE POLICY read_own ON users.privacy_requests FOR SELECT TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id())
    AND (subject_id = (SELECT app.current_user_id()) OR requested_by = (SELECT app.current_user_id())));
CREATE POLICY read_staff ON users.privacy_requests FOR SELECT TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_staff()));
CREATE POLICY ask ON users.privacy_requests FOR INSERT TO mnemograph_users
  WITH CHECK (tenant_id = (SELECT app.current_tenant_id()) AND requested_by = (SELECT app.current_user_id()));
CREATE POLICY work ON users.privacy_requests TO mnemograph_privacy USING (true) WITH CHECK (true);

-- Who was erased: whoever restores an older copy of the database erases him again.
CREATE TABLE users.erasures (
  user_id uuid PRIMARY KEY,
  action text NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE users.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE users.erasures FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON users.erasures TO mnemograph_privacy;
CREATE POLICY work ON users.erasures TO mnemograph_privacy USING (true) WITH CHECK (true);

-- Where a user is named, and not as an owner: his own row, his teams, what others granted him.
GRANT USAGE ON SCHEMA app, users, memory, events, audit TO mnemograph_privacy;
GRANT SELECT, UPDATE, DELETE ON users.users TO mnemograph_privacy;
GRANT SELECT, DELETE ON app.team_members, memory.grants, app.qdrant_access_control, audit.user_keys TO mnemograph_privacy;
GRANT SELECT, UPDATE (payload) ON events.log TO mnemograph_privacy;
GRANT SELECT ON events.positions TO mnemograph_privacy;
CREATE POLICY privacy ON users.users TO mnemograph_privacy USING (id = (SELECT app.current_user_id()));
CREATE POLICY privacy ON app.team_members TO mnemograph_privacy USING (user_id = (SELECT app.current_user_id()));
CREATE POLICY privacy_received ON memory.grants TO mnemograph_privacy USING (subject_id = (SELECT app.current_user_id()));
CREATE POLICY privacy_received ON app.qdrant_access_control TO mnemograph_privacy USING (subject_id = (SELECT app.current_user_id()));
CREATE POLICY privacy ON audit.user_keys TO mnemograph_privacy USING (user_id = (SELECT app.current_user_id()));
CREATE POLICY privacy ON events.log TO mnemograph_privacy USING (owner_id = (SELECT app.current_user_id()));
GRANT EXECUTE ON FUNCTION events.head() TO mnemograph_privacy;

-- Every table with an owner, those that refer to others before them.
CREATE VIEW app.owned_tables_in_order WITH (security_invoker = true) AS
  WITH RECURSIVE depth (name, level) AS (
    SELECT owned.name::oid, 0 FROM app.owned_tables AS owned
    UNION
    SELECT parent.confrelid, depth.level + 1 FROM depth
    JOIN pg_constraint AS parent ON parent.conrelid = depth.name AND parent.contype = 'f' AND parent.confrelid <> parent.conrelid
    WHERE depth.level < 20
  )
  SELECT owned.name::text AS name, owned.room, max(depth.level) AS level
  FROM app.owned_tables AS owned JOIN depth ON depth.name = owned.name GROUP BY 1, 2;
GRANT SELECT ON app.owned_tables_in_order TO mnemograph_privacy;

-- How long a tenant keeps data of a kind. Without a row, for good; the audit for seven years at least.
CREATE TABLE app.retention_policies (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  data_type text NOT NULL CHECK (data_type IN ('MEMORIES', 'CHAT_SESSIONS', 'BLACKBOARD_EVENTS', 'SIGN_INS')),
  keep_days integer NOT NULL CHECK (keep_days BETWEEN 1 AND 36500),
  updated_by uuid NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, data_type)
);
ALTER TABLE app.retention_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.retention_policies FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.retention_policies TO mnemograph_users;
GRANT SELECT ON app.retention_policies TO mnemograph_definer;
CREATE POLICY tenant ON app.retention_policies FOR SELECT TO mnemograph_users USING (tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY staff ON app.retention_policies TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_staff()))
  WITH CHECK (tenant_id = (SELECT app.current_tenant_id()) AND (SELECT app.is_staff()));
CREATE POLICY definer ON app.retention_policies FOR SELECT TO mnemograph_definer USING (true);

-- Applies the policies. A memory gets the time until which it is kept, and is then forgotten like any that has expired.
GRANT UPDATE (retention_until) ON memory.revisions TO mnemograph_definer;
GRANT DELETE ON memory.chat_sessions, users.sessions TO mnemograph_definer;
GRANT SELECT, DELETE ON agents.blackboard_events TO mnemograph_definer;
GRANT USAGE ON SCHEMA agents TO mnemograph_definer;
CREATE POLICY retention ON memory.revisions FOR UPDATE TO mnemograph_definer USING (true);
CREATE POLICY retention ON memory.chat_sessions FOR DELETE TO mnemograph_definer USING (true);
CREATE POLICY retention ON users.sessions FOR DELETE TO mnemograph_definer USING (true);
CREATE POLICY retention ON agents.blackboard_events FOR DELETE TO mnemograph_definer USING (true);
CREATE FUNCTION app.apply_retention(at timestamptz) RETURNS TABLE (data_type text, amount bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  WITH policy AS MATERIALIZED (
    SELECT retention_policies.tenant_id, retention_policies.data_type, at - make_interval(days => retention_policies.keep_days) AS before,
           make_interval(days => retention_policies.keep_days) AS keep
    FROM app.retention_policies
  ), memories AS (
    UPDATE memory.revisions SET retention_until = revisions.known_from + policy.keep FROM policy
    WHERE policy.data_type = 'MEMORIES' AND policy.tenant_id = revisions.tenant_id AND revisions.known_until IS NULL
      AND (revisions.retention_until IS NULL OR revisions.retention_until > revisions.known_from + policy.keep) RETURNING 1
  ), sessions AS (
    DELETE FROM memory.chat_sessions USING policy
    WHERE policy.data_type = 'CHAT_SESSIONS' AND policy.tenant_id = chat_sessions.tenant_id AND NOT chat_sessions.active
      AND chat_sessions.updated_at < policy.before RETURNING 1
  ), events AS (
    DELETE FROM agents.blackboard_events USING policy
    WHERE policy.data_type = 'BLACKBOARD_EVENTS' AND policy.tenant_id = blackboard_events.tenant_id
      AND blackboard_events.created_at < policy.before RETURNING 1
  ), sign_ins AS (
    DELETE FROM users.sessions USING policy
    WHERE policy.data_type = 'SIGN_INS' AND policy.tenant_id = sessions.tenant_id
      AND least(sessions.ended_at, sessions.expires_at) < policy.before RETURNING 1
  )
  SELECT 'MEMORIES', (SELECT count(*) FROM memories) UNION ALL SELECT 'CHAT_SESSIONS', (SELECT count(*) FROM sessions)
  UNION ALL SELECT 'BLACKBOARD_EVENTS', (SELECT count(*) FROM events) UNION ALL SELECT 'SIGN_INS', (SELECT count(*) FROM sign_ins);
END;
ALTER FUNCTION app.apply_retention(timestamptz) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION app.apply_retention(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.apply_retention(timestamptz) TO mnemograph_projector;

-- Takes what the user has on his tenant's shelf out of its count, before his postings go.
GRANT UPDATE (documents, terms) ON memory.shelves TO mnemograph_definer;
CREATE POLICY privacy_counts ON memory.shelves FOR UPDATE TO mnemograph_definer USING (true);
CREATE FUNCTION memory.uncount_public() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  UPDATE memory.shelves SET documents = greatest(0, shelves.documents - mine.documents), terms = greatest(0, shelves.terms - mine.terms)
  FROM (
    SELECT count(*) AS documents, coalesce(sum(each.length), 0) AS terms
    FROM (SELECT postings.memory_id, max(postings.length) AS length FROM memory.postings
          WHERE postings.owner_id = app.current_user_id() AND postings.shelf_id = app.current_tenant_id()
          GROUP BY postings.memory_id) AS each
  ) AS mine
  WHERE shelves.shelf_id = app.current_tenant_id();
END;
ALTER FUNCTION memory.uncount_public() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.uncount_public() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.uncount_public() TO mnemograph_privacy;
