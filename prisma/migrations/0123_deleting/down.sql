DROP INDEX memory.messages_prompt;
REVOKE DELETE ON memory.prompts, memory.router_decisions, memory.reasoning_chains, memory.session_summaries FROM mnemograph_memory;
ALTER TABLE memory.chat_sessions DROP COLUMN version, DROP COLUMN deleted_messages;
