import { buildTemplate, findTemplate } from '../../stores/postgres/template.ts'

/** Before any test: without a fresh template every suite would initialise a database from nothing. */
export default async function prepare(): Promise<void> {
  if (!findTemplate()) await buildTemplate()
}
