-- Encrypted fields that are not under the newest of the system's keys, with their owner's key; and one of them, encrypted
-- anew, unless it was changed meanwhile. The four bytes after the first name the key.
GRANT UPDATE (secret) ON users.totp TO mnemograph_definer;
GRANT UPDATE (sealed) ON users.encrypted_fields TO mnemograph_definer;
CREATE POLICY renewal ON users.totp FOR UPDATE TO mnemograph_definer USING (true);
CREATE POLICY renewal ON users.encrypted_fields FOR UPDATE TO mnemograph_definer USING (true);

CREATE FUNCTION app.outdated_fields(key_id bytea, most integer)
RETURNS TABLE (source text, id uuid, sealed bytea, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT field.source, field.id, field.sealed, user_keys.key
  FROM (SELECT 'users.totp' AS source, totp.id, totp.owner_id, totp.secret AS sealed FROM users.totp
        UNION ALL
        SELECT 'users.encrypted_fields', encrypted_fields.id, encrypted_fields.owner_id, encrypted_fields.sealed
        FROM users.encrypted_fields) AS field
  JOIN audit.user_keys ON user_keys.user_id = field.owner_id
  WHERE length(field.sealed) > 5 AND substring(field.sealed FROM 2 FOR 4) <> key_id
  ORDER BY field.source, field.id LIMIT most;
END;

CREATE FUNCTION app.renew_fields(sources text[], ids uuid[], before bytea[], renewed bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  UPDATE users.totp SET secret = item.body
  FROM ROWS FROM (unnest(sources), unnest(ids), unnest(before), unnest(renewed)) AS item (source, id, old, body)
  WHERE item.source = 'users.totp' AND totp.id = item.id AND totp.secret = item.old;
  UPDATE users.encrypted_fields SET sealed = item.body
  FROM ROWS FROM (unnest(sources), unnest(ids), unnest(before), unnest(renewed)) AS item (source, id, old, body)
  WHERE item.source = 'users.encrypted_fields' AND encrypted_fields.id = item.id AND encrypted_fields.sealed = item.old;
END;

-- Whose audio lies in the object store, under which name, a page at a time.
CREATE FUNCTION app.kept_audio(after uuid, most integer) RETURNS TABLE (id uuid, owner_id uuid, hash text, key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT voice_samples.id, voice_samples.owner_id, voice_samples.audio_hash, user_keys.key
  FROM memory.voice_samples JOIN audit.user_keys ON user_keys.user_id = voice_samples.owner_id
  WHERE voice_samples.audio_bytes IS NOT NULL AND (after IS NULL OR voice_samples.id > after)
  ORDER BY voice_samples.id LIMIT most;
END;

DO $$
DECLARE
  signature text;
BEGIN
  FOREACH signature IN ARRAY ARRAY['app.outdated_fields(bytea, integer)',
    'app.renew_fields(text[], uuid[], bytea[], bytea[])', 'app.kept_audio(uuid, integer)'] LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO mnemograph_definer', signature);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO mnemograph_audit', signature);
  END LOOP;
END
$$;
