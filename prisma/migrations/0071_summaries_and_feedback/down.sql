DROP INDEX memory.chat_sessions_parent;
DROP TABLE memory.message_feedback, memory.session_summaries;
