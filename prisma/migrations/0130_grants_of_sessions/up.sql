-- What was given to a session ends with it: nobody acts for it any more.
CREATE POLICY definer_ends ON memory.grants FOR DELETE TO mnemograph_definer USING (true);
GRANT DELETE ON memory.grants TO mnemograph_definer;
CREATE FUNCTION memory.end_grants_to_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  DELETE FROM memory.grants USING deleted
  WHERE grants.subject_kind = 'SESSION' AND grants.subject_id = deleted.id;
  RETURN NULL;
END
$$;
ALTER FUNCTION memory.end_grants_to_session() OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.end_grants_to_session() FROM PUBLIC;
CREATE TRIGGER end_grants AFTER DELETE ON memory.chat_sessions REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION memory.end_grants_to_session();
CREATE INDEX grants_session ON memory.grants (subject_id) WHERE subject_kind = 'SESSION';
