-- How many of the viewer's memories are over: his own, so their policies need not be asked of each. By the index alone,
-- however many they are; those of some tiers are counted by their rows.
CREATE FUNCTION memory.count_expired(at timestamptz, tiers text[]) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  IF tiers IS NULL THEN
    RETURN (SELECT count(*) FROM memory.revisions
            WHERE owner_id = app.current_user_id() AND known_until IS NULL AND retention_until <= at);
  END IF;
  RETURN (SELECT count(*) FROM memory.revisions
          WHERE owner_id = app.current_user_id() AND known_until IS NULL AND retention_until <= at AND tier = ANY (tiers));
END
$$;
ALTER FUNCTION memory.count_expired(timestamptz, text[]) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION memory.count_expired(timestamptz, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.count_expired(timestamptz, text[]) TO mnemograph_memory;
