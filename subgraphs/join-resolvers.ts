// biome-ignore lint/suspicious/noExplicitAny: resolvers of one room differ in parent and arguments from field to field
type Resolvers = Readonly<Record<string, any>>

/** The resolvers of a room's parts as one map, type by type. @throws when two parts resolve the same field */
export function joinResolvers(...parts: readonly Resolvers[]): Resolvers {
  const joined: Record<string, Record<string, unknown>> = {}
  for (const [type, fields] of parts.flatMap((part) => Object.entries(part))) {
    const known = joined[type] ?? {}
    const twice = Object.keys(fields).find((field) => field in known)
    if (twice !== undefined) throw new Error(`${type}.${twice} is resolved twice`)
    joined[type] = { ...known, ...fields }
  }
  return joined
}
