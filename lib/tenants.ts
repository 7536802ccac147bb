/** The one tenant of a system that has no others: every user belongs to it. */
export const defaultTenantId = '00000000-0000-4000-8000-000000000001'
