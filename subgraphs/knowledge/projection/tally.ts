/** Sums what is added to and taken from rows that are told apart by a text. */
export class Tally<Row> {
  readonly #sums = new Map<string, { readonly row: Row; by: number }>()

  add(id: string, row: Row, by: number): void {
    const sum = this.#sums.get(id)
    if (sum === undefined) this.#sums.set(id, { row, by })
    else sum.by += by
  }

  /** The rows whose sum is not zero, in the order in which they were first met. */
  changed(): (Row & { readonly by: number })[] {
    return [...this.#sums.values()].filter(({ by }) => by !== 0).map(({ row, by }) => ({ ...row, by }))
  }
}
