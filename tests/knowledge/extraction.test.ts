import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addCasing, countCasing } from '../../subgraphs/knowledge/extraction/casing.ts'
import { moreTelling } from '../../subgraphs/knowledge/extraction/categories.ts'
import { extract, mostConcepts } from '../../subgraphs/knowledge/extraction/extract.ts'
import { conceptKey } from '../../subgraphs/knowledge/extraction/key.ts'
import { createTagger } from '../../subgraphs/knowledge/extraction/tagger.ts'
import type { Casing, Mention } from '../../subgraphs/knowledge/extraction/types.ts'
import { labelled } from './extraction-sample.ts'

const tagger = createTagger()

function casingOf(...texts: string[]): Map<string, Casing> {
  const sum = new Map<string, Casing>()
  for (const text of texts) addCasing(sum, countCasing(text))
  return sum
}

/** Extracts from the last text, in an owner's corpus of all of them. */
function mentions(...texts: string[]): Mention[] {
  return extract({ text: texts.at(-1) ?? '' }, casingOf(...texts), tagger)
}

function names(...texts: string[]): string[] {
  return mentions(...texts).map((mention) => mention.name)
}

function categories(text: string): Record<string, string> {
  return Object.fromEntries(mentions(text).map((mention) => [mention.name, mention.category]))
}

describe('a sample labelled by hand', () => {
  const casing = casingOf(...labelled.map((each) => each.text))
  const results = labelled.map(({ text, concepts }) => {
    const found = extract({ text }, casing, tagger)
    const wanted = new Set(concepts.map(([name]) => conceptKey(name)))
    return { found, wanted, right: found.filter((mention) => wanted.has(mention.key)) }
  })
  const sum = (count: (result: (typeof results)[number]) => number) =>
    results.reduce((total, result) => total + count(result), 0)

  test('precision and recall are at least 0.95', () => {
    const wrong = results.flatMap(({ found, right }) => found.filter((each) => !right.includes(each)))
    const missed = results.flatMap(({ found, wanted }) =>
      [...wanted].filter((key) => !found.some((each) => each.key === key)),
    )
    const right = sum((result) => result.right.length)
    expect(right / (right + wrong.length), `wrong: ${wrong.map((each) => each.name)}`).toBeGreaterThanOrEqual(0.95)
    expect(right / (right + missed.length), `missed: ${missed}`).toBeGreaterThanOrEqual(0.95)
  })

  test('categories that the text tells are found, and no mention contradicts them', () => {
    for (const { text, concepts } of labelled) {
      const found = extract({ text }, casing, tagger)
      for (const [name, category] of concepts) {
        const mention = found.find((each) => each.key === conceptKey(name))
        if (category === undefined || mention === undefined || mention.category === 'NAME') continue
        expect([name, mention.category]).toEqual([name, category])
      }
    }
  })
})

describe('names', () => {
  test('a word that the owner writes small is no name, whatever its capital here', () => {
    const talk = ['the blackboard is full', 'wipe the blackboard, then fill the blackboard']
    expect(names('We looked at Blackboard together.')).toEqual(['Blackboard'])
    expect(names(...talk, 'We looked at Blackboard together.')).toEqual([])
    expect(names('a zorb, two zorbs, one more zorb', 'We looked at the Zorb together.')).toEqual([])
  })

  test('the start of a sentence, line, label or heading is no evidence', () => {
    expect(names('Departure is late. Boarding: soon\n- Luggage\n## Return Flight Options')).toEqual([])
  })

  test('an unknown word at a start is a name once the owner writes it inside a sentence', () => {
    expect(names('Brisko, look at this!')).toEqual([])
    expect(names('I asked Brisko today.', 'Brisko, look at this!')).toEqual(['Brisko'])
  })

  test('an unknown word that only ever starts sentences is no name', () => {
    expect(names('Startin to rain again')).toEqual(['Startin'])
    const often = ['a', 'b', 'c', 'd'].map((each) => `Startin to like ${each}`)
    expect(names(...often, 'Startin to rain again')).toEqual([])
  })

  test('a label with its number is no name', () => {
    expect(names('We take Option 2 of the list.')).toEqual([])
    expect(names('We take Option of the list.')).toEqual(['Option'])
  })

  test('words of one name are joined, possessives and contractions stripped, neighbours kept apart', () => {
    expect(names("We left Rosalind Ekwueme's house in New York for St Andrews.")).toEqual([
      'Rosalind Ekwueme',
      'New York',
      'St Andrews',
    ])
    expect(names("I think Tomasz'll call Oksana’s Zurich office.")).toEqual(['Tomasz', 'Oksana', 'Zurich'])
  })

  test('codes and places of common words are found at starts too', () => {
    const talk = ['it is worth a fort', 'what the town is worth', 'from SEA to BOS', 'via SEA']
    expect(names(...talk, 'Route: SEA to Dallas/Fort Worth. Cape Town is next.')).toEqual([
      'SEA',
      'Dallas',
      'Fort Worth',
      'Cape Town',
    ])
  })

  test('a name that is always capitalised is also found in small letters', () => {
    const owner = ['a', 'b', 'c', 'd', 'e'].map((each) => `I saw Oksana at ${each}.`)
    expect(names(...owner, 'then oksana left')).toEqual(['oksana'])
    expect(names('then oksana left')).toEqual([])
  })

  test('the same name is one mention with its places in the text', () => {
    const text = 'We asked Oksana, and then Oksana asked OKSANA again.'
    const [mention] = mentions(text)
    expect(mention).toMatchObject({ name: 'Oksana', key: 'oksana', count: 3 })
    expect(mention?.offsets.map(([start, end]) => text.slice(start, end))).toEqual(['Oksana', 'Oksana', 'OKSANA'])
  })

  test('months, weekdays, pronouns and capitals that name nothing are left out', () => {
    expect(names('I see, in May or on a Monday at 10 AM EST, OK? Mondays work, and I’m free.')).toEqual([])
  })
})

describe('categories', () => {
  test('each is given on evidence of the text', () => {
    expect(categories('We met my sister Oksana and Dr. Brisko at Lund University in Portugal.')).toEqual({
      Oksana: 'PERSON',
      Brisko: 'PERSON',
      'Lund University': 'ORGANIZATION',
      Portugal: 'PLACE',
    })
    expect(categories('It runs Redis 8.2 behind TypeScript for Northwind Inc under #latency, says Brisko.')).toEqual({
      Redis: 'PRODUCT',
      TypeScript: 'TOPIC',
      'Northwind Inc': 'ORGANIZATION',
      latency: 'TOPIC',
      Brisko: 'NAME',
    })
  })

  test('telling evidence stays with the concept', () => {
    expect(moreTelling('NAME', 'PERSON')).toBe('PERSON')
    expect(moreTelling('PERSON', 'NAME')).toBe('PERSON')
    expect(moreTelling('PLACE', 'PERSON')).toBe('PLACE')
    expect(moreTelling('TOPIC', 'PRODUCT')).toBe('PRODUCT')
  })
})

describe('forms', () => {
  test('identifiers, mail addresses and links are found; the query and the user of a link are not kept', () => {
    expect(categories('Flight KLM1042 for ana_li_3391, PROJ-142, deadbe1f99, mail ana@example.org')).toEqual({
      KLM1042: 'IDENTIFIER',
      ana_li_3391: 'IDENTIFIER',
      'PROJ-142': 'IDENTIFIER',
      deadbe1f99: 'IDENTIFIER',
      'ana@example.org': 'IDENTIFIER',
    })
    expect(categories('see https://me:secret@docs.example.org/a/b?token=secret#top.')).toEqual({
      'docs.example.org/a/b': 'LINK',
    })
  })

  test('amounts, times, ordinals, units, bare numbers and access keys are no concepts', () => {
    expect(names('It was $1,200.50 at 10:30pm, the 3rd of 12 in 5km, 24h, 4471 and 4111 1111 1111 1111.')).toEqual([])
    expect(names('the key is AKIA1234567890ABCDEF or ghp_a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6')).toEqual([])
  })

  test('a quoted title is one name, a quoted sentence is none', () => {
    expect(categories('I read "The Garden of Oksana" and she said "We met Brisko there".')).toEqual({
      'The Garden of Oksana': 'NAME',
      Brisko: 'NAME',
    })
  })

  test('code blocks hold no names', () => {
    expect(names('it says ```\nconst Brisko = new Oksana()\n``` here')).toEqual([])
  })
})

describe('dates', () => {
  const at = new Date('2025-06-11T23:30:00Z')
  const keys = (text: string, when?: Date) =>
    extract({ text, at: when }, new Map(), tagger)
      .filter((mention) => mention.category === 'DATE')
      .map((mention) => mention.key)

  test('the same day is one concept however it is written', () => {
    expect(keys('2025-03-03, March 3rd, 2025 and 3 March 2025')).toEqual(['2025-03-03'])
  })

  test('a day without a year keeps its truncated form, or takes the year nearest to when it was said', () => {
    expect(keys('we leave on May 20th')).toEqual(['--05-20'])
    expect(keys('we leave on May 20th', at)).toEqual(['2025-05-20'])
  })

  test('relative days need the time of the text, in UTC', () => {
    expect(keys('I was there yesterday and go next Friday')).toEqual([])
    expect(keys('I was there yesterday, and 3 days ago', at)).toEqual(['2025-06-10', '2025-06-08'])
  })

  test('impossible days, bare weekdays, months and ambiguous numbers are left out', () => {
    expect(keys('2025-02-30, Friday, in March, you may go, 5/6/2025, 10:30, the sun', at)).toEqual([])
  })
})

describe('structured text', () => {
  const answer = JSON.stringify([
    { passenger: { first_name: 'Oksana', last_name: 'Brisko' }, city: 'Austin', status: 'available', cabin: 'Economy' },
    {
      flight_number: 'KLM1042',
      booking_id: 'QWZRTP',
      origin: 'AMS',
      date: '2024-05-20',
      note: 'a "quoted"\nword',
      price: 120,
    },
  ])

  test('the values of a tool answer are read, its properties and plain words are not', () => {
    const found = mentions(answer)
    expect(found.map((mention) => [mention.name, mention.category])).toEqual([
      ['Oksana Brisko', 'PERSON'],
      ['Austin', 'PLACE'],
      ['KLM1042', 'IDENTIFIER'],
      ['QWZRTP', 'IDENTIFIER'],
      ['AMS', 'NAME'],
      ['2024-05-20', 'DATE'],
    ])
    for (const mention of found.slice(1)) {
      expect(mention.offsets.map(([start, end]) => answer.slice(start, end))).toEqual([mention.name])
    }
  })

  test('it counts nothing for the casing, and an answer that was cut off is still read', () => {
    expect(countCasing(answer).size).toBe(0)
    expect(names(answer.slice(0, 90))).toEqual(['Oksana Brisko', 'Austin'])
  })
})

describe('casing', () => {
  test('counts small, capital and initial writings apart', () => {
    const casing = countCasing('Tea is good. We like Tea, and tea likes us.\nTea: hot')
    expect(casing.get('tea')).toEqual({ lower: 1, capitalised: 1, initial: 2 })
  })

  test('sums do not depend on order or batches', () => {
    fc.assert(
      fc.property(fc.array(fc.lorem({ mode: 'sentences', maxCount: 3 }), { maxLength: 6 }), (texts) => {
        expect(new Map([...casingOf(...texts.toReversed())].sort())).toEqual(new Map([...casingOf(...texts)].sort()))
      }),
    )
  })
})

describe('any text', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'Oksana',
      'New',
      'York',
      "Brisko's",
      '2024-05-20',
      'May 3',
      'KLM1042',
      'https://a.b/c',
      '\n',
      '{"a":"B"',
      '```',
      '…',
    ),
    fc.string({ unit: 'grapheme', maxLength: 12 }),
  )
  const text = fc.array(word, { maxLength: 30 }).map((words) => words.join(' '))

  test('mentions have distinct keys that are their own keys, and offsets inside the text', () => {
    fc.assert(
      fc.property(text, (content) => {
        const found = mentions(content)
        expect(new Set(found.map((mention) => mention.key)).size).toBe(found.length)
        for (const { name, key, category, count, offsets } of found) {
          if (category !== 'DATE') expect(key).toBe(conceptKey(name))
          expect(count).toBeGreaterThanOrEqual(offsets.length)
          for (const [start, end] of offsets) expect(start >= 0 && start < end && end <= content.length).toBe(true)
        }
      }),
    )
  })

  test('a key is a key, and one for every writing of a name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (name) => {
        expect(conceptKey(conceptKey(name))).toBe(conceptKey(name))
        expect(conceptKey(` ${name}\u00a0 `)).toBe(conceptKey(name))
        expect(conceptKey(name.normalize('NFD'))).toBe(conceptKey(name))
      }),
    )
    expect(conceptKey('STRASSE  Ⅳ')).toBe(conceptKey('straße IV'))
    expect(conceptKey('STRAẞE IV')).toBe(conceptKey('straße IV'))
  })

  test.each([
    ['letters', 'a'],
    ['letters and digits', 'a1'],
    ['hyphens', '-'],
    ['quotes', "'"],
    ['escaped quotes in data', '\\"'],
    ['brackets', '[{'],
    ['at signs', 'a@'],
    ['dots', 'a@b.'],
    ['slashes', 'https://'],
    ['months', 'May 3 '],
    ['days', 'yesterday '],
    ['capitals', 'Ab '],
    ['common capitals', 'Golden Bridge '],
    ['openings', 'New '],
    ['connectors', 'Brisko of '],
    ['initials', 'J. K. '],
    ['fences', '```'],
    ['colons', 'A:'],
    ['spaces', ' '],
    ['newlines', '\n'],
  ])('100 KB of %s are read', (_, unit) => {
    const long = unit.repeat(Math.ceil(100_000 / unit.length))
    for (const content of [long, `Brisko went home. ${long}`, `{"${long}`])
      expect(mentions(content).length).toBeLessThanOrEqual(mostConcepts)
  })

  test('a catalogue keeps the most mentioned of its concepts', () => {
    const codes = Array.from({ length: 300 }, (_, index) => `QRX${1000 + index}`)
    const found = mentions(`${codes.join(' ')} ${codes.at(-1)}`)
    expect(found).toHaveLength(mostConcepts)
    expect(found.map((mention) => mention.name)).toContain('QRX1299')
  })
})
