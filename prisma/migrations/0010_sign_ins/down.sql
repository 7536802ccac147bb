UPDATE users.sessions SET end_reason = 'SIGNED_OUT' WHERE end_reason = 'REVOKED';
ALTER TABLE users.sessions
  DROP COLUMN methods,
  DROP COLUMN address,
  DROP COLUMN agent,
  DROP COLUMN last_used_at,
  DROP CONSTRAINT sessions_end_reason_check,
  ADD CONSTRAINT sessions_end_reason_check CHECK (end_reason IN ('SIGNED_OUT', 'REUSED', 'PASSWORD_CHANGED'));
DROP TABLE app.rate_limits;
