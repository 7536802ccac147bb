DROP FUNCTION users.find_passkey(text);
DROP TABLE users.passkeys;
