DROP FUNCTION users.own_key();
DROP TABLE users.backup_codes;
DROP TABLE users.totp;
UPDATE users.sessions SET end_reason = 'REVOKED' WHERE end_reason = 'DEVICE_REVOKED';
ALTER TABLE users.sessions
  DROP COLUMN device_id,
  DROP COLUMN ends_at,
  DROP CONSTRAINT sessions_end_reason_check,
  ADD CONSTRAINT sessions_end_reason_check
    CHECK (end_reason IN ('SIGNED_OUT', 'REVOKED', 'REUSED', 'PASSWORD_CHANGED', 'ADMINISTERED'));
DROP TABLE users.devices;
