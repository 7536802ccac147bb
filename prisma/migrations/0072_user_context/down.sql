DROP INDEX memory.session_context_value;
DROP INDEX memory.chat_sessions_configuration;
DROP TABLE memory.user_chat_context;
