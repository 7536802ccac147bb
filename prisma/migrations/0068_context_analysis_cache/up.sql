-- What an engine made of a content, by the content's SHA-256, for its owner alone: that a content was analysed before would
-- tell another of it.
CREATE TABLE memory.context_analysis_cache (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
  engine_version text COLLATE "C" NOT NULL,
  analysis_result jsonb NOT NULL,
  confidence double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  UNIQUE (owner_id, content_hash, engine_version)
);
CREATE INDEX context_analysis_cache_expiry ON memory.context_analysis_cache (expires_at);
ALTER TABLE memory.context_analysis_cache ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.context_analysis_cache FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.context_analysis_cache TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, INSERT, UPDATE ON memory.context_analysis_cache TO mnemograph_memory;
-- What is over is not answered; a job removes it.
GRANT SELECT (id, expires_at), DELETE ON memory.context_analysis_cache TO mnemograph_projector;
CREATE POLICY clean_up ON memory.context_analysis_cache TO mnemograph_projector USING (expires_at < now());
