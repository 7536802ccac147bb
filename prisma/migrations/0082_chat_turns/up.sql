-- Turns of a chat: what was asked and answered (as messages), what was recalled for it, and the texts whose vectors find
-- it again. It names things; what was said is theirs.
CREATE TABLE memory.chat_turns (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES app.tenants (id),
  owner_id uuid NOT NULL,
  ordinal bigint GENERATED ALWAYS AS IDENTITY,
  session_id uuid NOT NULL REFERENCES memory.chat_sessions (id) ON DELETE CASCADE,
  question_id uuid NOT NULL REFERENCES memory.messages (id) ON DELETE CASCADE,
  answer_id uuid REFERENCES memory.messages (id) ON DELETE SET NULL,
  -- Where the answer comes from; null while it is open.
  answered_by text CHECK (answered_by IN ('CLIENT', 'MEMORY')),
  -- The memories that were recalled, the best first: id and score of each.
  recalled jsonb NOT NULL DEFAULT '[]',
  question_vector_id uuid REFERENCES memory.vectors (id) ON DELETE SET NULL,
  answer_vector_id uuid REFERENCES memory.vectors (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX chat_turns_owner ON memory.chat_turns (owner_id, ordinal);
CREATE INDEX chat_turns_session ON memory.chat_turns (session_id, ordinal);
CREATE INDEX chat_turns_question ON memory.chat_turns (question_id);
CREATE INDEX chat_turns_answer ON memory.chat_turns (answer_id);
CREATE INDEX chat_turns_question_vector ON memory.chat_turns (question_vector_id);
CREATE INDEX chat_turns_answer_vector ON memory.chat_turns (answer_vector_id);
ALTER TABLE memory.chat_turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory.chat_turns FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON memory.chat_turns TO mnemograph_memory
  USING (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()))
  WITH CHECK (owner_id = (SELECT app.current_user_id()) AND tenant_id = (SELECT app.current_tenant_id()));
GRANT SELECT, INSERT ON memory.chat_turns TO mnemograph_memory;
GRANT UPDATE (answer_id, answered_by, answer_vector_id, updated_at) ON memory.chat_turns TO mnemograph_memory;
SELECT audit.watch('memory.chat_turns');
