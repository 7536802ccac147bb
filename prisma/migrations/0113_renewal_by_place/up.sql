-- What is under an older key is read from place to place, so that what opens under no key does not stand in the way.
DROP FUNCTION audit.outdated_values(bytea, integer);
DROP FUNCTION app.outdated_fields(bytea, integer);

CREATE FUNCTION audit.outdated_values(key_id bytea, after bigint, most integer)
RETURNS TABLE (entry_id text, sealed bytea, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT entry_values.entry_id::text, entry_values.sealed, user_keys.key
  FROM audit.entry_values JOIN audit.user_keys ON user_keys.user_id = entry_values.owner_id
  WHERE entry_values.entry_id > after AND substring(entry_values.sealed FROM 2 FOR 4) <> key_id
  ORDER BY entry_values.entry_id LIMIT most;
END;

CREATE FUNCTION app.outdated_fields(key_id bytea, after_source text, after_id uuid, most integer)
RETURNS TABLE (source text, id uuid, sealed bytea, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT field.source, field.id, field.sealed, user_keys.key
  FROM (SELECT 'users.totp' AS source, totp.id, totp.owner_id, totp.secret AS sealed FROM users.totp
        UNION ALL
        SELECT 'users.encrypted_fields', encrypted_fields.id, encrypted_fields.owner_id, encrypted_fields.sealed
        FROM users.encrypted_fields) AS field
  JOIN audit.user_keys ON user_keys.user_id = field.owner_id
  WHERE (field.source, field.id) > (after_source, after_id)
    AND length(field.sealed) > 5 AND substring(field.sealed FROM 2 FOR 4) <> key_id
  ORDER BY field.source, field.id LIMIT most;
END;

DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['audit.outdated_values(bytea, bigint, integer)',
    'app.outdated_fields(bytea, text, uuid, integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mnemograph_audit', signature);
  END LOOP;
END
$$;
