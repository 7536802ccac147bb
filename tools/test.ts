import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Runs every test that this machine allows: with the real servers that can be started, without those that cannot (they
// are named). The last line counts. Arguments go to vitest: `npm test -- tests/memory`.

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'mnemograph-test-'))
const report = join(directory, 'report.json')

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numFailedTestSuites: number
  readonly testResults: readonly TestFile[]
}

interface TestFile {
  readonly name: string
  readonly status: string
  /** Why the file itself failed, when no test of it did. */
  readonly message: string
  readonly assertionResults: readonly { status: string; fullName: string; failureMessages: readonly string[] }[]
}

try {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]
  const command = ['tools/stores.ts', 'run', process.execPath, vitest, 'run', ...reporters, ...process.argv.slice(2)]
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' })
  process.exitCode = status ?? 1
  summarise(JSON.parse(readFileSync(report, 'utf8')))
} finally {
  rmSync(directory, { recursive: true, force: true })
}

function summarise({
  numPassedTests,
  numFailedTests,
  numPendingTests,
  numFailedTestSuites,
  testResults,
}: Report): void {
  const skipped = testResults.flatMap((file) => file.assertionResults.filter(({ status }) => status === 'skipped'))
  for (const { fullName } of skipped) console.log(`left out: ${fullName}`)
  for (const line of testResults.flatMap(failuresOf)) console.log(`failed: ${line}`)
  // A file that cannot be loaded has no failed test of its own, and still fails the run.
  const failed = Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0)
  console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped`)
}

/** A line for each test that failed, or one for a file that failed before its tests. */
function failuresOf({ name, status, message, assertionResults }: TestFile): readonly string[] {
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (failed.length === 0) return status === 'failed' ? [`${name}: ${firstLine(message)}`] : []
  return failed.map(({ fullName, failureMessages }) => `${fullName}: ${firstLine(failureMessages[0] ?? '')}`)
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
