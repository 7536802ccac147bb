import { join, resolve } from 'node:path'
import { type Config, loadConfig } from '../gateway/config.ts'

/** The folder of the checkout: `.env` and the default data directory lie here, wherever the command is given. */
const projectRoot = join(import.meta.dirname, '..')

/** Settings that a command's flags give; a path is meant from where the command is given. */
export interface SettingFlags {
  readonly data?: string | undefined
  readonly port?: string | undefined
  readonly host?: string | undefined
  /** A file of recall's weights. */
  readonly weights?: string | undefined
}

/**
 * The settings of a command: its flags, then the environment, then `.env`. Unknown settings are warned of.
 * @throws ConfigError with every mistake at once
 */
export function readSettings(flags: SettingFlags = {}): Config {
  const data = flags.data === undefined || flags.data === ':memory:' ? flags.data : resolve(flags.data)
  const weights = flags.weights === undefined ? undefined : resolve(flags.weights)
  const { config, warnings } = loadConfig({
    cwd: projectRoot,
    overrides: { DATA: data, PORT: flags.port, HOST: flags.host, RECALL_WEIGHTS: weights },
  })
  for (const warning of warnings) console.error(`warning: ${warning}`)
  return config
}
