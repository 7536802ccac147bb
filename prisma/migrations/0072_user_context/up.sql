-- What agents keep at hand of a user in whatever session: one value a key, with a version for those who write at once.
CREATE TABLE memory.user_chat_context (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  key text COLLATE "C" NOT NULL,
  value jsonb NOT NULL,
  type text NOT NULL CHECK (type IN ('CONVERSATION', 'PREFERENCE', 'STATE')),
  access text NOT NULL CHECK (access IN ('PRIVATE', 'SHARED', 'PUBLIC')),
  priority integer NOT NULL DEFAULT 1,
  version integer NOT NULL DEFAULT 1,
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (owner_id, key)
);
CREATE INDEX user_chat_context_expiry ON memory.user_chat_context (expires_at) WHERE expires_at IS NOT NULL;
ALTER TABLE memory.user_chat_context ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.user_chat_context FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.user_chat_context TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, INSERT, DELETE ON memory.user_chat_context TO mnemograph_memory;
GRANT UPDATE (value, type, access, priority, version, expires_at, updated_at) ON memory.user_chat_context TO mnemograph_memory;
SELECT audit.watch('memory.user_chat_context');

-- Expired entries are not shown; a job removes them.
GRANT SELECT (id, expires_at), DELETE ON memory.user_chat_context TO mnemograph_projector;
CREATE POLICY clean_up ON memory.user_chat_context TO mnemograph_projector USING (expires_at < now());

-- For operators' own questions: under row-level security containment cannot use an index.
CREATE INDEX chat_sessions_configuration ON memory.chat_sessions USING gin (configuration jsonb_path_ops);
CREATE INDEX session_context_value ON memory.session_context USING gin (value jsonb_path_ops);
