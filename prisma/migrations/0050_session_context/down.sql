DROP TABLE memory.session_context;
