-- What users have said into a microphone. The audio is in the object store, under the system's key and the owner's own.
CREATE TABLE memory.voice_samples (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  -- SHA-256 of the audio, in hexadecimal.
  audio_hash text COLLATE "C" NOT NULL CHECK (audio_hash ~ '^[0-9a-f]{64}$'),
  media_type text NOT NULL,
  -- How many bytes of audio are kept here; none when the client keeps it, or when it was let go.
  audio_bytes integer,
  sample_metadata jsonb NOT NULL DEFAULT '{}',
  processing_status text NOT NULL DEFAULT 'PENDING' CHECK (processing_status IN ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED')),
  transcript_content text,
  confidence double precision,
  result_content jsonb,
  problem text,
  session_id uuid REFERENCES memory.chat_sessions (id) ON DELETE SET NULL,
  message_id uuid REFERENCES memory.messages (id) ON DELETE SET NULL,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (owner_id, audio_hash)
);
CREATE INDEX voice_samples_owner ON memory.voice_samples (owner_id, ordinal);
CREATE INDEX voice_samples_session ON memory.voice_samples (session_id);
CREATE INDEX voice_samples_message ON memory.voice_samples (message_id);

-- Each step of its processing.
CREATE TABLE memory.voice_processing_logs (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  sample_id uuid NOT NULL REFERENCES memory.voice_samples (id) ON DELETE CASCADE,
  from_status text,
  to_status text NOT NULL,
  log_content jsonb,
  took_ms double precision,
  created_at timestamptz NOT NULL
);
CREATE INDEX voice_processing_logs_sample ON memory.voice_processing_logs (sample_id, ordinal);
CREATE INDEX voice_processing_logs_owner ON memory.voice_processing_logs (owner_id);

-- How a user wants to speak and be spoken to.
CREATE TABLE memory.user_voice_settings (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL UNIQUE,
  language text,
  voice text,
  speaking_rate double precision NOT NULL DEFAULT 1,
  keep_audio boolean NOT NULL DEFAULT true,
  remember_transcripts boolean NOT NULL DEFAULT false,
  settings_content jsonb NOT NULL DEFAULT '{}',
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['voice_samples', 'voice_processing_logs', 'user_voice_settings'] LOOP
    EXECUTE format('ALTER TABLE memory.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE memory.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own ON memory.%I TO mnemograph_memory
      USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
      WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))', name);
    EXECUTE format('SELECT audit.watch(%L)', 'memory.' || name);
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE, DELETE ON memory.voice_samples TO mnemograph_memory;
GRANT SELECT, INSERT ON memory.voice_processing_logs TO mnemograph_memory;
GRANT SELECT, INSERT, UPDATE ON memory.user_voice_settings TO mnemograph_memory;
-- The viewer's own key, for what is kept under it.
GRANT EXECUTE ON FUNCTION audit.own_key() TO mnemograph_memory;
