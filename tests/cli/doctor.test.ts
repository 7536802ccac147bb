import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { runCommand, startCommand } from '../kit/process.ts'

// Each of these starts whole processes, several one after the other.
vi.setConfig({ testTimeout: 180_000 })

const directory = mkdtempSync(join(tmpdir(), 'mnemograph-doctor-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const data = ['--data', join(directory, 'data')]

interface Health {
  readonly healthy: boolean
  readonly checks: readonly { name: string; healthy: boolean; detail: string }[]
}

test('doctor, audit verify and export work without a server and beside one', async () => {
  const file = join(directory, 'admin.jsonl')
  for (const running of [false, true]) {
    const server = running ? await startCommand(['start', '--port', '0', ...data]) : null
    try {
      const doctor = await runCommand(['doctor', '--security', '--json', ...data])
      const health = JSON.parse(doctor.stdout) as Health
      expect(health.checks.filter(({ healthy }) => !healthy)).toEqual([])
      expect(health.checks.map(({ name }) => name)).toEqual(
        expect.arrayContaining([
          'postgres',
          'vectors',
          'projectors',
          'row-level security',
          'audit chain',
          'isolation',
          'tokens',
        ]),
      )
      expect(doctor.code).toBe(0)
      const audit = await runCommand(['audit', 'verify', '--json', ...data])
      expect(JSON.parse(audit.stdout)).toMatchObject({ valid: true, problems: [] })
      expect(audit.code).toBe(0)
      const exported = await runCommand(['export', file, '--user', 'admin', ...data])
      expect(exported.code).toBe(0)
      expect(readFileSync(file, 'utf8')).toContain('"table":"users.users"')
      expect(statSync(file).mode & 0o077).toBe(0)
    } finally {
      await server?.end('SIGTERM')
    }
  }
})

test('a head that is not of this audit, and a system that does not start, are told by the exit code', async () => {
  const audit = await runCommand(['audit', 'verify', '--head', 'ab'.repeat(32), ...data])
  expect(audit.code).toBe(1)
  expect(audit.stderr).toContain('noted earlier')
  const doctor = await runCommand(['doctor', '--json', '--data', '/dev/null/nowhere'])
  expect(doctor.code).toBe(1)
  expect(JSON.parse(doctor.stdout)).toMatchObject({ healthy: false, checks: [{ name: 'start' }] })
})
