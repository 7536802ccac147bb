DROP FUNCTION app.kept_audio(uuid, integer);
DROP FUNCTION app.renew_fields(text[], uuid[], bytea[], bytea[]);
DROP FUNCTION app.outdated_fields(bytea, integer);
DROP POLICY renewal ON users.totp;
DROP POLICY renewal ON users.encrypted_fields;
REVOKE UPDATE (secret) ON users.totp FROM mnemograph_definer;
REVOKE UPDATE (sealed) ON users.encrypted_fields FROM mnemograph_definer;
