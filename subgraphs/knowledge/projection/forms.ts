/** A way to write a concept, the category it was taken for, and in how many memories so. */
export interface CountedForm {
  readonly name: string
  readonly category: string
  readonly support: number
}

/**
 * What a concept is called and what it is taken for, given its forms and what is added to them: the name written most
 * often, and the most telling category. Equals are decided by the text, so that the order of memories never matters.
 */
export function chooseForm(
  known: readonly CountedForm[],
  added: readonly { readonly name: string; readonly category: string; readonly by: number }[],
): { readonly name?: string; readonly category?: string } {
  const names = new Map<string, number>()
  const categories = new Map<string, number>()
  const count = (name: string, category: string, by: number) => {
    names.set(name, (names.get(name) ?? 0) + by)
    categories.set(category, (categories.get(category) ?? 0) + by)
  }
  for (const { name, category, support } of known) count(name, category, support)
  for (const { name, category, by } of added) count(name, category, by)
  const name = best(names, () => 0)
  const category = best(categories, vagueness)
  return { ...(name === undefined ? {} : { name }), ...(category === undefined ? {} : { category }) }
}

/** A plain kind gives way to a telling one, as within one text. */
function vagueness(category: string): number {
  return category === 'NAME' ? 2 : category === 'TOPIC' ? 1 : 0
}

function best(counts: ReadonlyMap<string, number>, rank: (value: string) => number): string | undefined {
  const [first] = [...counts]
    .filter(([, count]) => count > 0)
    .sort(([a, countA], [b, countB]) => rank(a) - rank(b) || countB - countA || (a < b ? -1 : 1))
  return first?.[0]
}
