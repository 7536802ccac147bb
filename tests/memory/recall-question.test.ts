import { describe, expect, test } from 'vitest'
import { participantsOf } from '../../subgraphs/memory/recall/participants.ts'
import { readQuestion } from '../../subgraphs/memory/recall/question.ts'
import { timeFit } from '../../subgraphs/memory/recall/times.ts'
import { recallDocuments, rowsOf } from '../kit/memory-index.ts'

const now = new Date('2025-03-12T12:00:00Z')
const read = (text: string) => readQuestion(text, now)

describe('a question', () => {
  test('is read for its words, its pairs and what it wants', () => {
    const question = read("Where did Ann's support group meet?")
    expect(question.words.map(({ word }) => word)).toEqual(['ann', 'support', 'group', 'meet'])
    expect(question.pairs).toEqual(new Set(['ann support', 'support group', 'group meet']))
    expect(question.wants).toBe('PLACE')
    expect(read('When was it?').wants).toBe('TIME')
    expect(read('How many boats?').wants).toBe('NUMBER')
    expect(read('What motivated Ann?').wants).toBe('REASON')
    expect(read('Tell me about boats').wants).toBeNull()
  })

  test.each([
    ['What happened on 4 May 2023?', '2023-05-04T09:00:00Z', '2023-09-04T09:00:00Z'],
    ['What happened in May 2023?', '2023-05-28T09:00:00Z', '2022-05-28T09:00:00Z'],
    ['What happened in June?', '2021-06-15T09:00:00Z', '2021-09-15T09:00:00Z'],
    ['What happened in 2022?', '2022-02-01T09:00:00Z', '2024-02-01T09:00:00Z'],
    ['What happened yesterday?', '2025-03-11T09:00:00Z', '2025-02-11T09:00:00Z'],
    ['What happened last week?', '2025-03-05T09:00:00Z', '2025-01-05T09:00:00Z'],
    ['What happened between 3 May 2023 and 20 May 2023?', '2023-05-12T09:00:00Z', '2023-07-12T09:00:00Z'],
  ])('%s: %s fits better than %s', (text, inside, outside) => {
    const [span] = read(text).times
    if (!span) throw new Error('no time was read')
    expect(timeFit(Date.parse(inside), span)).toBeGreaterThan(10 * timeFit(Date.parse(outside), span))
  })

  test('without a time names none', () => {
    expect(read('What does Ann like?').times).toEqual([])
  })
})

describe('a question for several things', () => {
  test.each([
    'Which countries has Ann been to?',
    'What kinds of music does Ann like?',
    'What are the names of her cats?',
    'How many children do they have?',
    'Where has Bob worked?',
    'What have Ann and Bob built?',
    'Which films or plays did Ann see?',
    'Did Ann and Bob both move?',
  ])('%s', (text) => expect(read(text).wantsSeveral).toBe(true))

  test.each([
    'Which country did Ann move to?',
    'When has Bob left?',
    'What does Ann like most about her garden?',
    'What was the focus of the talk?',
    'How long has she been painting?',
    'Why do cats purr?',
    'boat trips',
    '',
  ])('but not: %s', (text) => expect(read(text).wantsSeveral).toBe(false))
})

describe('participants', () => {
  const say = (speaker: string | null, content: string) => ({ id: content, speaker, content })
  const talk = recallDocuments(say('Ann Lee', 'hello'), say('Bob', 'hi'), say(null, 'Carl: how are you'))
  const speakerOf = (said: ReturnType<typeof say>) => rowsOf(recallDocuments(said))[0]?.speaker

  test('are known by the record, or by the name that the content opens with', () => {
    expect(rowsOf(talk).map(({ speaker }) => speaker)).toEqual(['ann lee', 'bob', 'carl'])
    expect(speakerOf(say(null, 'note: buy milk'))).toBeNull()
    expect(speakerOf(say('Bob', 'Carl: quoted'))).toBe('bob')
  })

  test('are taken from the question when it names just one', () => {
    expect(participantsOf(read("What are Ann's hobbies?"), talk).isBy).toEqual([true, false, false])
    expect(participantsOf(read('What did carl say?'), talk).isBy).toEqual([false, false, true])
    const two = participantsOf(read('What do Ann and Bob share?'), talk)
    expect(two.isBy).toEqual([false, false, false])
    expect(two.names).toEqual(new Set(['ann', 'lee', 'bob']))
  })

  test('say nothing where only one person speaks', () => {
    expect(participantsOf(read('What did Bob do?'), recallDocuments(say('Bob', 'hi'))).isBy).toEqual([false])
  })
})
