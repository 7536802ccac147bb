-- A session is changed by whoever knows its version. Its message_count counts every message it has ever had, so that the
-- next one's position is free; those that were deleted are counted beside it.
ALTER TABLE memory.chat_sessions ADD COLUMN version integer NOT NULL DEFAULT 1,
  ADD COLUMN deleted_messages integer NOT NULL DEFAULT 0;
-- A prompt that no message begins with any more goes, and so does what was noted of a session, one by one.
GRANT DELETE ON memory.prompts, memory.router_decisions, memory.reasoning_chains, memory.session_summaries TO mnemograph_memory;
CREATE INDEX messages_prompt ON memory.messages (prompt_id) WHERE prompt_id IS NOT NULL;
