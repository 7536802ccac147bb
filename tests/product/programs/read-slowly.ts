import { registerHooks } from 'node:module'

/** Longer than a server is waited for. */
const pauseMs = 5500
const slow = /\/(gateway\/graph|subgraphs\/memory\/index)\.ts$/

// Loaded before the program: its thread stands still while it reads parts of itself, as on a machine that is very busy.
registerHooks({
  load(url, context, nextLoad) {
    if (slow.test(url)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    return nextLoad(url, context)
  },
})
