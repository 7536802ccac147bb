-- How often something was done in the window that is open, by keys that are hashes. The columns and their order are those
-- of rate-limiter-flexible. Nobody owns a row, and none tells of anybody.
CREATE TABLE app.rate_limits (
  key text PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  -- Milliseconds since the epoch.
  expire bigint
);
CREATE INDEX rate_limits_expire ON app.rate_limits (expire);
GRANT SELECT, INSERT, UPDATE, DELETE ON app.rate_limits TO mnemograph_users;
GRANT SELECT (expire), DELETE ON app.rate_limits TO mnemograph_projector;

-- How and from where somebody signed in, so that he can tell his sign-ins apart.
ALTER TABLE users.sessions
  ADD COLUMN methods text[] NOT NULL DEFAULT '{PASSWORD}',
  ADD COLUMN address text,
  ADD COLUMN agent text,
  ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now(),
  DROP CONSTRAINT sessions_end_reason_check,
  ADD CONSTRAINT sessions_end_reason_check
    CHECK (end_reason IN ('SIGNED_OUT', 'REVOKED', 'REUSED', 'PASSWORD_CHANGED'));
GRANT UPDATE (last_used_at) ON users.sessions TO mnemograph_users;
