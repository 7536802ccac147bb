-- What a session's agents keep at hand: one value a key, with a version for those who write at the same time.
CREATE TABLE memory.session_context (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  key text COLLATE "C" NOT NULL,
  value jsonb NOT NULL,
  type text NOT NULL CHECK (type IN ('CONVERSATION', 'PREFERENCE', 'STATE')),
  access text NOT NULL CHECK (access IN ('PRIVATE', 'SHARED', 'PUBLIC')),
  priority integer NOT NULL DEFAULT 1,
  version integer NOT NULL DEFAULT 1,
  -- One that does not persist is gone when its session ends.
  persistent boolean NOT NULL DEFAULT false,
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (session_id, key)
);
CREATE INDEX session_context_expiry ON memory.session_context (expires_at) WHERE expires_at IS NOT NULL;
ALTER TABLE memory.session_context ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.session_context FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.session_context TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON memory.session_context TO mnemograph_memory;
SELECT audit.watch('memory.session_context');

-- Expired entries are not shown; a job removes them.
GRANT SELECT (id, expires_at), DELETE ON memory.session_context TO mnemograph_projector;
CREATE POLICY clean_up ON memory.session_context TO mnemograph_projector USING (expires_at < now());
