DROP INDEX memory.grants_session;
DROP TRIGGER end_grants ON memory.chat_sessions;
DROP FUNCTION memory.end_grants_to_session();
REVOKE DELETE ON memory.grants FROM mnemograph_definer;
DROP POLICY definer_ends ON memory.grants;
