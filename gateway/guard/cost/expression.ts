export type Variables = Readonly<Record<string, unknown>>

/**
 * A cost that is known once, or follows from the variables of a request. It is worked out once for a document, so that
 * a repeated operation costs a few additions and multiplications.
 */
export type Expression = number | ((variables: Variables) => number)

export function evaluate(expression: Expression, variables: Variables): number {
  return typeof expression === 'number' ? expression : expression(variables)
}

export function sum(terms: readonly Expression[]): Expression {
  const { fixed, open } = parted(terms)
  const known = fixed.reduce((total, term) => total + term, 0)
  if (open.length === 0) return known
  return (variables) => open.reduce((total, term) => total + term(variables), known)
}

export function most(terms: readonly Expression[]): Expression {
  const { fixed, open } = parted(terms)
  const known = Math.max(0, ...fixed)
  if (open.length === 0) return known
  return (variables) => open.reduce((highest, term) => Math.max(highest, term(variables)), known)
}

export function product(one: Expression, other: Expression): Expression {
  if (typeof one === 'number' && typeof other === 'number') return one * other
  // Nothing times anything is nothing, also where anything is without bound.
  return (variables) => {
    const left = evaluate(one, variables)
    return left === 0 ? 0 : left * evaluate(other, variables)
  }
}

function parted(terms: readonly Expression[]) {
  const fixed: number[] = []
  const open: Exclude<Expression, number>[] = []
  for (const term of terms) {
    if (typeof term === 'number') fixed.push(term)
    else open.push(term)
  }
  return { fixed, open }
}
