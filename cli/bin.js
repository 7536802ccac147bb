#!/usr/bin/env node
// Old JavaScript on purpose: this file must run on a Node that cannot run the rest, to say so.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const needed = [22, 19]
// Scavenges of a server's short-lived objects cost less with room for them. A gateway alone holds little else, so it gets
// more room, and gives back sooner what outlived it: less work and less memory than either by itself.
const serverFlags = {
  start: ['--max-semi-space-size=32'],
  serve: ['--max-semi-space-size=32'],
  gateway: ['--max-semi-space-size=64', '--heap-growing-percent=50'],
}
// Each thread's own heap of the C library keeps what it once had; two for all of them keep 50 MB less.
const serverEnvironment = { MALLOC_ARENA_MAX: '2' }

const here = dirname(fileURLToPath(import.meta.url))
const main = join(here, 'main.ts')
const localNode = join(here, '..', 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

function isNewEnough(version) {
  const parts = version.split('.').map(Number)
  return parts[0] > needed[0] || (parts[0] === needed[0] && parts[1] >= needed[1])
}

function run() {
  const newEnough = isNewEnough(process.versions.node)
  if (!newEnough && !existsSync(localNode)) {
    console.error(
      `Mnemograph needs Node.js ${needed.join('.')} or newer; this is ${process.versions.node}.\n` +
        'Install a newer one from https://nodejs.org, or run `npm ci` in the checkout: it brings its own.',
    )
    process.exit(1)
  }
  const flags = serverFlags[process.argv[2]] || []
  const hasFlags = flags.every((flag) => process.execArgv.indexOf(flag) >= 0)
  if (newEnough && hasFlags) return import('./main.ts')
  const env = flags.length > 0 ? Object.assign({}, serverEnvironment, process.env) : process.env
  handOver(newEnough ? process.execPath : localNode, flags.concat(main, process.argv.slice(2)), env)
}

/** Goes on in another process, which gets our signals and whose end is ours. */
function handOver(node, args, env) {
  const child = spawn(node, args, { stdio: 'inherit', env })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  // A terminal sends Ctrl-C to both of us; passed on it would count twice, and twice means: at once.
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)
  signals.forEach((signal) => {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !onTerminal) child.kill(signal)
    })
  })
  child.on('error', (error) => {
    console.error(`${node} does not run: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    signals.forEach((name) => {
      process.removeAllListeners(name)
    })
    process.kill(process.pid, signal)
  })
}

run()
