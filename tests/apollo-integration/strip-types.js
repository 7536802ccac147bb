import { stripTypeScriptTypes } from 'node:module'

// Jest loads modules by itself, so it takes the types out of them as Node does.
export default { process: (source) => ({ code: stripTypeScriptTypes(source) }) }
