import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { SIGNALS } from '../../subgraphs/memory/recall/weights.ts'
import { runCommand } from '../kit/process.ts'

// Each of these starts whole processes.
vi.setConfig({ testTimeout: 180_000 })

const directory = mkdtempSync(join(tmpdir(), 'mnemograph-evaluate-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const things = ['kayak', 'violin', 'greenhouse', 'telescope', 'sourdough', 'bicycle', 'aquarium', 'typewriter']

/** Conversations in which one turn each tells of a thing, among turns that do not. */
function goldSet(name: string, conversations: number, change: (line: string) => string = (line) => line): string {
  const folder = join(directory, name)
  mkdirSync(folder, { recursive: true })
  const turns = Array.from({ length: conversations }, (_, c) =>
    things.flatMap((thing, t) =>
      [`How was the week?`, `I repaired the ${thing} of number ${c}.`, 'Good to hear.'].map((text, pos) => ({
        id: `c${c}/${t}:${pos}`,
        conv: `c${c}`,
        session: t,
        pos,
        date: `9:30 am on ${t + 1} May, 2023`,
        speaker: pos === 1 ? 'Rosa' : 'Ben',
        text,
      })),
    ),
  ).flat()
  const questions = Array.from({ length: conversations }, (_, c) =>
    things.map((thing, t) => ({
      qid: `c${c}#${t}`,
      conv: `c${c}`,
      question: `When did Rosa repair the ${thing}?`,
      category: t % 2 === 0 ? 2 : 'errands',
      evidence: [`c${c}/${t}:1`],
    })),
  ).flat()
  const write = (file: string, rows: readonly unknown[]) =>
    writeFileSync(join(folder, file), rows.map((row) => `${change(JSON.stringify(row))}\n`).join(''))
  write('turns.jsonl', turns)
  write('gold.jsonl', questions)
  return folder
}

test('a gold set is asked through the graph, by category, and weights are fitted that a server takes', async () => {
  const folder = goldSet('things', 2)
  const file = join(directory, 'weights.json')
  // The operator's own stores are left alone: nothing answers here.
  const nowhere = { MNEMOGRAPH_QDRANT_URL: 'http://127.0.0.1:9' }
  const asked = ['evaluate', folder, '--leave-one-out', '--tune', file, '--json']
  const { code, stdout } = await runCommand(asked, nowhere)
  expect(code).toBe(0)
  const report = JSON.parse(stdout)
  const found = { 'R@5': 100, 'R@10': 100, 'R@20': 100, MRR: 100 }
  expect(report).toMatchObject({ conversations: 2, turns: 48 })
  expect(report.scores).toEqual({
    overall: { questions: 16, ...found },
    temporal: { questions: 8, ...found },
    errands: { questions: 8, ...found },
  })
  expect(report.leaveOneOut.overall.questions).toBe(16)
  const written = JSON.parse(readFileSync(file, 'utf8'))
  expect(written.dialogue).toBe(true)
  expect(Object.keys(written.weights)).toEqual(SIGNALS)
  const again = await runCommand(['evaluate', folder, '--weights', file, '--json'])
  expect(JSON.parse(again.stdout).scores).toEqual(report.tuned)
})

test('weights decide what is found, and those that nobody knows are refused', async () => {
  const folder = goldSet('weighed', 1)
  const file = join(directory, 'backwards.json')
  const weights = Object.fromEntries(SIGNALS.map((name) => [name, name === 'text' ? -1 : 0]))
  writeFileSync(file, JSON.stringify({ weights, dialogue: false }))
  const backwards = await runCommand(['evaluate', folder, '--json'], { MNEMOGRAPH_RECALL_WEIGHTS: file })
  expect(JSON.parse(backwards.stdout).scores.overall.MRR).toBeLessThan(50)
  writeFileSync(file, JSON.stringify({ weights: { luck: 1 } }))
  const refused = await runCommand(['evaluate', folder, '--weights', file])
  expect(refused).toMatchObject({ code: 2, stdout: '' })
  expect(refused.stderr).toContain('MNEMOGRAPH_RECALL_WEIGHTS')
  expect(refused.stderr).toContain('luck')
})

test('a gold set that cannot be read is refused by file and line', async () => {
  const broken = goldSet('broken', 1, (line) => line.replace('9:30 am on 2 May, 2023', 'some day'))
  const stray = goldSet('stray', 1, (line) => line.replace('["c0/3:1"]', '["elsewhere"]'))
  const refused = [
    ['turns.jsonl, line 4', broken],
    ['c0#3 names elsewhere', stray],
    ['cannot be read', directory],
  ]
  for (const [reason, folder] of refused) {
    const { code, stderr } = await runCommand(['evaluate', folder ?? ''])
    expect(code).toBe(2)
    expect(stderr).toContain(reason)
  }
})

test('asked to stop, it leaves nothing behind', async () => {
  const folder = goldSet('many', 40)
  const scratch = join(directory, 'scratch')
  mkdirSync(scratch)
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/main.ts'), 'evaluate', folder], {
    env: { ...process.env, TMPDIR: scratch },
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  // The database is open, and the turns are on their way.
  await vi.waitUntil(() => readdirSync(scratch).length > 0, { timeout: 120_000 })
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(readdirSync(scratch)).toEqual([])
})
