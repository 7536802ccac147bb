/**
 * Does work, and answers with what was rejected without anybody listening, which ends a process otherwise.
 * @param over resolves when nothing of the work is under way any more.
 */
export async function withUnheard<T>(
  work: () => T | Promise<T>,
  over: () => Promise<void>,
): Promise<[result: T, unheard: unknown[]]> {
  const unheard: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => unheard.push(error))
  try {
    const result = await work()
    await over()
    // Node tells of it when all that follows has been done.
    await new Promise(setImmediate)
    return [result, unheard]
  } finally {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  }
}
