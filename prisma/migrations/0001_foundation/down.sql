DROP SCHEMA app CASCADE;
-- Roles and the extension stay: other databases of the cluster may use them.
