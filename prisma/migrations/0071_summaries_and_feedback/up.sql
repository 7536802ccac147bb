-- What a session was about: one summary a session, made anew when asked.
CREATE TABLE memory.session_summaries (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  session_id uuid NOT NULL UNIQUE REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  summary text NOT NULL,
  key_topics text[] NOT NULL,
  -- The messages it quotes, and how many of the session's messages there were.
  source_ids uuid[] NOT NULL,
  message_count integer NOT NULL,
  model text NOT NULL,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

-- What a user thinks of a message: one opinion of each.
CREATE TABLE memory.message_feedback (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  message_id uuid NOT NULL REFERENCES memory.messages (id) ON DELETE CASCADE,
  type text NOT NULL CHECK (type IN ('HELPFUL', 'UNHELPFUL', 'INCORRECT', 'HARMFUL', 'OTHER')),
  rating smallint CHECK (rating BETWEEN 1 AND 5),
  comment text,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (message_id, owner_id)
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['session_summaries', 'message_feedback'] LOOP
    EXECUTE format('ALTER TABLE memory.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE memory.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own ON memory.%I TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('GRANT SELECT, INSERT ON memory.%I TO mnemograph_memory', name);
  END LOOP;
END
$$;
GRANT UPDATE (summary, key_topics, source_ids, message_count, model, version, updated_at) ON memory.session_summaries
  TO mnemograph_memory;
GRANT UPDATE (type, rating, comment, version, updated_at), DELETE ON memory.message_feedback TO mnemograph_memory;
SELECT audit.watch(('memory.' || name)::regclass) FROM unnest(ARRAY['session_summaries', 'message_feedback']) AS name;

-- The sessions that continue one.
CREATE INDEX chat_sessions_parent ON memory.chat_sessions (parent_id, ordinal) WHERE parent_id IS NOT NULL;
