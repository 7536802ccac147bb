import { buildTemplate, findTemplate } from '../stores/postgres/template.ts'

/** Makes generated/pglite-template unless it is there and fresh. */
if (!findTemplate()) {
  const start = performance.now()
  await buildTemplate()
  console.log(`Made the data template in ${((performance.now() - start) / 1000).toFixed(1)} s`)
}
