import { toGlobalId, uuidOf } from '../lib/ids.ts'

/** What the gateway knows of an entity that it asks about: its id, by either of its keys. */
export interface Reference {
  readonly id?: string
  readonly nodeRef?: string
}

/** Loads what a reference names by its row; a reference to nothing of this type names nothing. */
export function byReference<Context, Found>(type: string, load: (context: Context, rowId: string) => Found) {
  return ({ id, nodeRef }: Reference, context: Context): Found | null => {
    const rowId = uuidOf(type, id ?? nodeRef ?? '')
    return rowId === null ? null : load(context, rowId)
  }
}

/** The fields that name a row of this type in the graph. */
export function idFields(type: string) {
  const id = (row: { readonly id: string }) => toGlobalId(type, row.id)
  return { id, nodeRef: id }
}
