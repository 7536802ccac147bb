-- Who acts, for whoever works in SQL: the user with his tenant, the session, and the service whose rights hold. All of it
-- is local to the transaction.
DROP FUNCTION app.set_security_context(uuid, uuid, uuid);

CREATE FUNCTION app.tenant_of(member uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT users.tenant_id FROM users.users WHERE users.id = member;
END;

CREATE FUNCTION app.set_security_context(user_id uuid, session_id uuid, service text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM set_config('mnemograph.user_id', coalesce(user_id::text, ''), true),
          set_config('mnemograph.session_id', coalesce(session_id::text, ''), true),
          set_config('mnemograph.tenant_id', coalesce(app.tenant_of(user_id)::text, ''), true),
          set_config('mnemograph.service', service, true);
  IF service IS DISTINCT FROM app.current_service() THEN
    PERFORM set_config('role', 'mnemograph_' || service, true);
  END IF;
END
$$;

CREATE FUNCTION app.get_current_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE RETURN app.current_user_id();
CREATE FUNCTION app.get_current_session_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE RETURN app.current_session_id();
CREATE FUNCTION app.get_current_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE RETURN app.current_tenant_id();
CREATE FUNCTION app.get_current_service_name() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE RETURN app.current_service();

ALTER FUNCTION app.tenant_of(uuid) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION app.tenant_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.tenant_of(uuid) TO mnemograph_users, mnemograph_memory, mnemograph_knowledge,
  mnemograph_agents, mnemograph_projector, mnemograph_audit, mnemograph_privacy;
GRANT USAGE ON SCHEMA app TO mnemograph_privacy;

-- Who besides its owner may search a collection of vectors. A vector store has no row-level security: whoever searches
-- names the shelves, and these are the ones he may name besides his own. What is found is read again under his rights.
CREATE TABLE app.qdrant_access_control (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  subject_id uuid NOT NULL,
  collection text NOT NULL,
  permission text NOT NULL CHECK (permission IN ('READ')),
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  UNIQUE (owner_id, subject_id, collection, permission)
);
CREATE INDEX qdrant_access_control_subject ON app.qdrant_access_control (subject_id, collection);
ALTER TABLE app.qdrant_access_control ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.qdrant_access_control FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON app.qdrant_access_control TO mnemograph_users;
GRANT UPDATE (expires_at) ON app.qdrant_access_control TO mnemograph_users;
CREATE POLICY own ON app.qdrant_access_control TO mnemograph_users
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_received ON app.qdrant_access_control FOR SELECT TO mnemograph_users
  USING (subject_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
SELECT audit.watch('app.qdrant_access_control');

-- The owners whose collection the viewer may search besides his own.
CREATE FUNCTION app.granted_shelves(of_collection text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT coalesce(array_agg(access.owner_id), '{}') FROM app.qdrant_access_control AS access
  WHERE access.subject_id = app.current_user_id() AND access.tenant_id = app.current_tenant_id()
    AND access.collection = of_collection AND (access.expires_at IS NULL OR access.expires_at > now());
END;
ALTER FUNCTION app.granted_shelves(text) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION app.granted_shelves(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.granted_shelves(text) TO mnemograph_memory, mnemograph_users;

-- Every table whose rows have an owner, those of later migrations too.
CREATE VIEW app.owned_tables WITH (security_invoker = true) AS
  SELECT class.oid::regclass AS name, space.nspname::text AS room
  FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE class.relkind IN ('r', 'p') AND NOT class.relispartition
    AND space.nspname NOT IN ('events', 'audit') AND space.nspname !~ '^(pg_|information_schema|public)'
    AND EXISTS (SELECT FROM pg_attribute AS attribute
                WHERE attribute.attrelid = class.oid AND attribute.attname = 'owner_id' AND NOT attribute.attisdropped);
GRANT SELECT ON app.owned_tables TO mnemograph_privacy, mnemograph_definer, mnemograph_audit;

-- Lets whoever exports or erases a user's data reach it in every table with an owner, and no other user's; and lets the
-- narrow functions that explain access read who owns what. Runs after every migration, so that no new table is missed.
CREATE FUNCTION app.after_migrations() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  owned record;
BEGIN
  FOR owned IN SELECT * FROM app.owned_tables LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO mnemograph_privacy, mnemograph_definer', owned.room);
    EXECUTE format('GRANT SELECT, UPDATE, DELETE ON %s TO mnemograph_privacy', owned.name);
    EXECUTE format('GRANT SELECT ON %s TO mnemograph_definer', owned.name);
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = owned.name AND polname = 'privacy') THEN
      EXECUTE format('CREATE POLICY privacy ON %s TO mnemograph_privacy USING (owner_id = (SELECT app.current_user_id()))', owned.name);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = owned.name AND polname IN ('definer', 'definer_reads')) THEN
      EXECUTE format('CREATE POLICY definer_reads ON %s FOR SELECT TO mnemograph_definer USING (true)', owned.name);
    END IF;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION app.after_migrations() FROM PUBLIC;

-- Which rules let a user read a thing, and which refuse him: the policies of its table, each judged as if he asked now.
-- For admins, about users and things of their own tenant; of anything else it says nothing.
CREATE FUNCTION app.explain_access(viewer uuid, type text, thing uuid)
RETURNS TABLE (object text, rule text, condition text, satisfied boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  tenant uuid := app.current_tenant_id();
  admin uuid := app.current_user_id();
  session text := current_setting('mnemograph.session_id', true);
  plural text := regexp_replace(lower(regexp_replace(type, '(.)([A-Z])', '\1_\2', 'g')) || 's', 'ys$', 'ies');
  target regclass;
  there boolean;
  policy record;
BEGIN
  IF NOT EXISTS (SELECT FROM users.users WHERE id = admin AND tenant_id = tenant AND role = 'ADMIN' AND status = 'ACTIVE')
    OR NOT EXISTS (SELECT FROM users.users WHERE id = viewer AND tenant_id = tenant) THEN
    RETURN;
  END IF;
  SELECT class.oid::regclass INTO target FROM pg_class AS class JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE class.relname = plural AND space.nspname IN ('users', 'memory', 'knowledge', 'agents') LIMIT 1;
  IF target IS NULL THEN RETURN; END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE id = $1 AND tenant_id = $2)', target) INTO there USING thing, tenant;
  IF NOT there THEN RETURN; END IF;
  PERFORM set_config('mnemograph.user_id', viewer::text, true), set_config('mnemograph.session_id', '', true);
  FOR policy IN
    SELECT pg_policy.polname, pg_get_expr(pg_policy.polqual, pg_policy.polrelid) AS expression FROM pg_policy
    WHERE pg_policy.polrelid = target AND pg_policy.polcmd IN ('r', '*')
      AND (SELECT oid FROM pg_roles WHERE rolname = 'mnemograph_' || split_part(target::text, '.', 1)) = ANY (pg_policy.polroles)
    ORDER BY pg_policy.polname
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE id = $1 AND (%s))', target, policy.expression) INTO satisfied USING thing;
    object := target::text;
    rule := policy.polname;
    condition := policy.expression;
    RETURN NEXT;
  END LOOP;
  PERFORM set_config('mnemograph.user_id', admin::text, true), set_config('mnemograph.session_id', coalesce(session, ''), true);
END
$$;
ALTER FUNCTION app.explain_access(uuid, text, uuid) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION app.explain_access(uuid, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.explain_access(uuid, text, uuid) TO mnemograph_users;
