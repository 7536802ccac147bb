import { codedError } from '../../../lib/errors.ts'
import { type Check, examine } from '../../../stores/diagnosis/check.ts'
import { securityExaminations } from '../../../stores/diagnosis/security.ts'
import { storeExaminations } from '../../../stores/diagnosis/stores.ts'
import { requireViewer, securityOf } from '../../security.ts'
import type { UsersContext } from '../context.ts'
import { isStaff } from '../store/audit.ts'

/** How the system is; with `security`, whether what protects it works. @throws FORBIDDEN for anyone but staff */
export async function systemHealth(
  { stores, request }: UsersContext,
  security: boolean,
): Promise<{ readonly healthy: boolean; readonly checks: readonly Check[] }> {
  requireViewer(request)
  if (!(await stores.postgres.read(securityOf(request, 'users'), isStaff))) {
    throw codedError('FORBIDDEN', 'Only admins and analysts may read this.')
  }
  const checks = await examine([...storeExaminations(stores), ...(security ? securityExaminations(stores) : [])])
  return { healthy: checks.every(({ healthy }) => healthy), checks }
}
