-- Kept values that are not under the newest of the system's keys, with their owner's key; and the same, encrypted anew.
-- The four bytes after the first name the key.
CREATE FUNCTION audit.outdated_values(key_id bytea, most integer) RETURNS TABLE (entry_id text, sealed bytea, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT entry_values.entry_id::text, entry_values.sealed, user_keys.key
  FROM audit.entry_values JOIN audit.user_keys ON user_keys.user_id = entry_values.owner_id
  WHERE substring(entry_values.sealed FROM 2 FOR 4) <> key_id ORDER BY entry_values.entry_id LIMIT most;
END;
CREATE FUNCTION audit.renew_values(entries bigint[], renewed bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  UPDATE audit.entry_values SET sealed = item.body
  FROM ROWS FROM (unnest(entries), unnest(renewed)) AS item (entry, body) WHERE entry_values.entry_id = item.entry;
END;
DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['audit.outdated_values(bytea, integer)', 'audit.renew_values(bigint[], bytea[])'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mnemograph_audit', signature);
  END LOOP;
END
$$;
