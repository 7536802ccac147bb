CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents,
  mnemograph_projector, mnemograph_audit, mnemograph_definer;

-- The security context. The pool sets it for each transaction; policies read it.
CREATE FUNCTION app.setting(name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('mnemograph.' || name, true), '');

CREATE FUNCTION app.current_tenant_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('mnemograph.tenant_id', true), '')::uuid;

CREATE FUNCTION app.current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('mnemograph.user_id', true), '')::uuid;

CREATE FUNCTION app.current_session_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('mnemograph.session_id', true), '')::uuid;

-- The room at work is the role the pool switched to. It stays visible inside SECURITY DEFINER functions.
CREATE FUNCTION app.current_service() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN replace(current_setting('role'), 'mnemograph_', '');

CREATE FUNCTION app.set_security_context(user_id uuid, session_id uuid, tenant_id uuid) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
  SELECT set_config('mnemograph.user_id', coalesce(user_id::text, ''), true),
         set_config('mnemograph.session_id', coalesce(session_id::text, ''), true),
         set_config('mnemograph.tenant_id', coalesce(tenant_id::text, ''), true);
END;

CREATE TABLE app.tenants (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE app.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.tenants FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON app.tenants TO mnemograph_definer;
GRANT SELECT ON app.tenants TO mnemograph_users, mnemograph_projector;
CREATE POLICY read_own ON app.tenants FOR SELECT TO mnemograph_users USING (id = (SELECT app.current_tenant_id()));
CREATE POLICY read_all ON app.tenants FOR SELECT TO mnemograph_projector USING (true);
CREATE POLICY definer ON app.tenants TO mnemograph_definer USING (true) WITH CHECK (true);

CREATE TABLE app.teams (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (tenant_id, name)
);
CREATE TABLE app.team_members (
  team_id uuid NOT NULL REFERENCES app.teams (id) ON DELETE CASCADE,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  user_id uuid NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, team_id)
);
ALTER TABLE app.teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.teams FORCE ROW LEVEL SECURITY;
ALTER TABLE app.team_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.team_members FORCE ROW LEVEL SECURITY;
GRANT SELECT ON app.teams, app.team_members TO mnemograph_users;
GRANT SELECT ON app.team_members TO mnemograph_definer;
CREATE POLICY read_tenant ON app.teams FOR SELECT TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()));
CREATE POLICY read_own ON app.team_members FOR SELECT TO mnemograph_users
  USING (tenant_id = (SELECT app.current_tenant_id()) AND user_id = (SELECT app.current_user_id()));
CREATE POLICY definer ON app.team_members FOR SELECT TO mnemograph_definer USING (true);

-- Whom the viewer speaks for: himself, his teams, and everybody in his tenant. A grant and an event name such ids.
CREATE FUNCTION app.current_principals() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT array_remove(ARRAY[app.current_user_id(), app.current_tenant_id()], NULL)
    || ARRAY(SELECT team_id FROM app.team_members
             WHERE user_id = app.current_user_id() AND tenant_id = app.current_tenant_id());
END;
GRANT CREATE ON SCHEMA app TO mnemograph_definer;
ALTER FUNCTION app.current_principals() OWNER TO mnemograph_definer;

-- The answers already given to a client's keys, written in the transaction that did the work.
CREATE TABLE app.idempotency (
  tenant_id uuid NOT NULL,
  owner_id uuid NOT NULL,
  key text NOT NULL,
  mutation text NOT NULL,
  input_hash bytea NOT NULL,
  answer jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner_id, key)
);
CREATE INDEX idempotency_created_at ON app.idempotency (created_at);
ALTER TABLE app.idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.idempotency FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON app.idempotency TO mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents;
-- Keys are good for a week.
GRANT SELECT (created_at), DELETE ON app.idempotency TO mnemograph_projector;
CREATE POLICY clean_up ON app.idempotency TO mnemograph_projector USING (created_at < now() - interval '7 days');
CREATE POLICY own ON app.idempotency TO mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));

-- Who does a background job now. A holder that dies loses its lease when the time is over.
CREATE TABLE app.leases (
  name text PRIMARY KEY,
  holder uuid NOT NULL,
  held_until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.leases TO mnemograph_projector;

-- The system's own secrets and names, made once.
CREATE TABLE app.system (
  id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  system_id uuid NOT NULL DEFAULT gen_random_uuid(),
  cursor_key bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  epoch integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO app.system DEFAULT VALUES;
GRANT SELECT ON app.system TO mnemograph_users, mnemograph_memory, mnemograph_knowledge, mnemograph_agents,
  mnemograph_projector, mnemograph_definer;

-- Makes the monthly partitions of a table from this month on; whatever has none falls into the default partition. A month
-- whose rows are already there stays there.
CREATE FUNCTION app.ensure_partitions(parent regclass, months integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  first date;
  made integer := 0;
  partition text;
BEGIN
  FOR i IN 0..months LOOP
    first := date_trunc('month', now() AT TIME ZONE 'UTC')::date + make_interval(months => i);
    partition := parent::text || '_' || to_char(first, 'YYYYMM');
    IF to_regclass(partition) IS NULL THEN
      BEGIN
        EXECUTE format('CREATE TABLE %s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', partition, parent,
          first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
        made := made + 1;
      EXCEPTION WHEN check_violation THEN NULL;
      END;
    END IF;
  END LOOP;
  RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION app.ensure_partitions(regclass, integer) FROM PUBLIC;

-- Makes the partitions of this month and the next two for every table that is partitioned by time.
CREATE FUNCTION app.ensure_all_partitions() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  SELECT coalesce(sum(app.ensure_partitions(class.oid::regclass, 2)), 0)::integer
  FROM pg_partitioned_table AS parent
  JOIN pg_class AS class ON class.oid = parent.partrelid
  JOIN pg_namespace AS space ON space.oid = class.relnamespace
  WHERE parent.partstrat = 'r' AND space.nspname IN ('events', 'audit', 'agents')
$$;
REVOKE EXECUTE ON FUNCTION app.ensure_all_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.ensure_all_partitions() TO mnemograph_projector;
