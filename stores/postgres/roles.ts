import type pg from 'pg'
import { roleName, SERVICE_ROLES } from './security.ts'

/** Owns every object that a migration makes; nobody signs in as it, and no request ever runs as it. */
export const MIGRATION_ROLE = 'mnemograph_migration'

/** Owns the narrow functions that ask what no policy can answer; it reads what policies of its own let it. */
const DEFINER_ROLE = 'mnemograph_definer'

const roles = [...SERVICE_ROLES.map(roleName), DEFINER_ROLE, MIGRATION_ROLE]

/**
 * What only an administrator of the cluster can do, before the first migration: the roles, the extension, and the
 * migration role's right to make schemas. Roles belong to the whole cluster, so another database's migration may have
 * made them already, or be making them now.
 */
export async function prepareForMigrations(client: pg.Client): Promise<void> {
  for (const role of roles) await client.query(makeRole(role))
  await client.query(
    `DO $$ BEGIN
       IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN CREATE EXTENSION vector SCHEMA public; END IF;
       IF NOT has_database_privilege('${MIGRATION_ROLE}', current_database(), 'CREATE') THEN
         EXECUTE format('GRANT CREATE ON DATABASE %I TO ${MIGRATION_ROLE}', current_database());
       END IF;
       IF NOT pg_has_role('${MIGRATION_ROLE}', '${DEFINER_ROLE}', ${membership}) THEN
         GRANT ${DEFINER_ROLE} TO ${MIGRATION_ROLE};
       END IF;
     END $$`,
  )
}

/** Before PostgreSQL 16 whoever is a member may become the role. */
const membership = `CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END`

function makeRole(role: string): string {
  return `DO $$ BEGIN
    IF to_regrole('${role}') IS NULL THEN
      CREATE ROLE ${role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT pg_has_role(current_user, '${role}', ${membership}) THEN
      EXECUTE format('GRANT ${role} TO %I', current_user);
    END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`
}
