import { GraphQLError } from 'graphql'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { codedError, errorCodes, presentErrors } from '../../lib/errors.ts'
import { Metrics } from '../../lib/metrics.ts'

describe('metrics', () => {
  test('are text that Prometheus reads', () => {
    const metrics = new Metrics()
    const seconds = metrics.histogram('took_seconds', 'Time.', ['kind'], [0.1, 1])
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, ['query'])
    const errors = metrics.counter('errors_total', 'Errors.', ['code'])
    errors.inc(['A "quoted"\\\n'])
    errors.inc(['B'], 2)
    metrics.gauge('open', 'Open.').add(3)
    metrics.observe('now', 'Now.', () => 9)
    expect(metrics.text()).toBe(
      [
        '# HELP took_seconds Time.',
        '# TYPE took_seconds histogram',
        'took_seconds_bucket{kind="query",le="0.1"} 2',
        'took_seconds_bucket{kind="query",le="1"} 3',
        'took_seconds_bucket{kind="query",le="+Inf"} 4',
        'took_seconds_sum{kind="query"} 7.65',
        'took_seconds_count{kind="query"} 4',
        '# HELP errors_total Errors.',
        '# TYPE errors_total counter',
        'errors_total{code="A \\"quoted\\"\\\\\\n"} 1',
        'errors_total{code="B"} 2',
        '# HELP open Open.',
        '# TYPE open gauge',
        'open 3',
        '# HELP now Now.',
        '# TYPE now gauge',
        'now 9',
        '',
      ].join('\n'),
    )
  })

  test('have one owner each', () => {
    const metrics = new Metrics()
    metrics.counter('a_total', 'A.')
    expect(() => metrics.gauge('a_total', 'A.')).toThrow('registered twice')
  })
})

describe('errors', () => {
  function present(...thrown: unknown[]) {
    const lines: string[] = []
    const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) })
    return { errors: presentErrors(thrown, 'trace', log), lines }
  }

  test('with a code of ours pass and are no news', () => {
    for (const code of Object.keys(errorCodes) as (keyof typeof errorCodes)[]) {
      if (code === 'INTERNAL_SERVER_ERROR') continue
      const { errors, lines } = present(codedError(code, 'because', { retryAfter: 3 }))
      expect(errors).toEqual([{ message: 'because', extensions: { code, retryAfter: 3 } }])
      expect(lines).toEqual([])
    }
  })

  test.each<[string, unknown]>([
    ['an error', new Error('secret')],
    ['a GraphQL error that wraps one', new GraphQLError('secret', { originalError: new Error('secret') })],
    ['an error with a code of its own', new GraphQLError('secret', { extensions: { code: 'P2002' } })],
    [
      'an error with the name of an inherited property for a code',
      new GraphQLError('secret', { extensions: { code: 'toString' } }),
    ],
    ['an internal error that says more', codedError('INTERNAL_SERVER_ERROR', 'secret')],
    ['what is no error', 'secret'],
  ])('without one are masked, and their cause goes to the log: %s', (_name, thrown) => {
    const { errors, lines } = present(thrown)
    expect(errors).toEqual([
      { message: 'Internal server error', extensions: { code: 'INTERNAL_SERVER_ERROR', traceId: 'trace' } },
    ])
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('secret')
    expect(lines[0]).toContain('"traceId":"trace"')
  })
})
