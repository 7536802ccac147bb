/** Whether all users belong to one tenant, or each that is not invited makes one of his own. */
export type Tenancy = 'single' | 'multiple'

/** The one tenant of a system that has no others: every user belongs to it. */
export const defaultTenantId = '00000000-0000-4000-8000-000000000001'
