import { registerHooks } from 'node:module'

/** Longer than a server is waited for. */
const pauseMs = 6000

// Loaded before the program: its thread stands still while it reads the gateway, as on a machine that is very busy.
registerHooks({
  load(url, context, nextLoad) {
    if (url.endsWith('/gateway/graph.ts')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    return nextLoad(url, context)
  },
})
