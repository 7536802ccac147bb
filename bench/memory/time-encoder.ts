import type { Stores } from '../../stores/stores.ts'

/** For how long questions have waited for their vectors and related words, in milliseconds. */
export interface EncoderTime {
  readonly total: number
}

/** Counts from now on; both are asked for at once, and time in which both are waited for counts once. */
export function timeEncoder(stores: Stores): EncoderTime {
  const counted = { total: 0 }
  let waiting = 0
  let since = 0
  const around =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A) => {
      if (waiting++ === 0) since = performance.now()
      try {
        return await work(...args)
      } finally {
        if (--waiting === 0) counted.total += performance.now() - since
      }
    }
  const { encoder, thesaurus } = stores
  const [encode, related] = [around(encoder.encode.bind(encoder)), around(thesaurus.related.bind(thesaurus))]
  Object.assign(stores, { encoder: { ...encoder, encode }, thesaurus: { related } })
  return counted
}
