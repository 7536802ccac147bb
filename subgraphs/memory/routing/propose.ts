import { analyze } from '../recall/tokens.ts'
import type { ChatMode } from '../records.ts'
import { complexityOf } from './complexity.ts'
import { modeRules } from './rules.ts'
import { type Neighbour, neighboursOf, type PastDecision, termsOfRequest } from './similar.ts'

export interface Tool {
  readonly name: string
  readonly description?: string | null
}

export interface Asked {
  readonly request: string
  /** What the session's last decision used. */
  readonly lastTools: readonly string[]
  /** The tools there are; `null` when any may be proposed. */
  readonly tools: readonly Tool[] | null
  readonly past: readonly PastDecision[]
}

export interface ScoredTool {
  readonly name: string
  readonly score: number
}

export interface Proposal {
  readonly mode: ChatMode
  readonly rule: string
  /** What is proposed to be used. */
  readonly tools: readonly ScoredTool[]
  /** Everything that something speaks for, the likeliest first. */
  readonly candidates: readonly ScoredTool[]
  readonly complexity: number
  readonly confidence: number
  readonly similar: readonly { readonly id: string; readonly similarity: number }[]
}

/** From this share of similar requests that used tools on, one is proposed; else none. */
const needShare = 0.5
/** With the likeliest tool go those that serve at least so much of what it serves. */
const besideBest = 0.6
const mostTools = 5
const shownSimilar = 5
/** Likeness in all from which experience counts fully; below it a tool's name and description speak as well. */
const fullEvidence = 1
/** From so much experience on it settles the mode. */
const experiencedFrom = 0.5

/** Proposes mode and tools for a request: by rules, and by what succeeded for similar ones. */
export function propose(asked: Asked): Proposal {
  const neighbours = neighboursOf(termsOfRequest(asked.request, asked.lastTools), asked.past)
  const evidence = Math.min(1, weightOf(neighbours) / fullEvidence)
  const candidates = toolScores(asked, neighbours, evidence).slice(0, mostTools)
  const best = candidates[0]?.score ?? 0
  const need = evidence * needOf(neighbours) + (1 - evidence) * best
  const tools = need >= needShare ? candidates.filter(({ score }) => score >= besideBest * best) : []
  const complexity = complexityOf(asked.request)
  const experienced = evidence >= experiencedFrom ? usualMode(neighbours) : null
  const { mode, rule } = modeRules({ request: asked.request, complexity, tools: tools.length, experienced })
  return {
    mode,
    rule,
    tools,
    candidates,
    complexity,
    confidence: rounded(evidence * (tools.length > 0 ? best : 1 - need)),
    similar: neighbours
      .slice(0, shownSimilar)
      .map(({ past, similarity }) => ({ id: past.id, similarity: rounded(similarity) })),
  }
}

/**
 * Each tool with the share of similar requests that it served, of those that used any: one that failed counts against the
 * tools it used. Where there is little experience, a tool is also judged by how much of its name and description the
 * request has.
 */
function toolScores({ request, tools }: Asked, neighbours: readonly Neighbour[], evidence: number): ScoredTool[] {
  const users = neighbours.filter(({ past }) => past.tools.length > 0)
  const weight = weightOf(users)
  const served = new Map<string, number>()
  for (const { past, similarity } of users) {
    if (!past.success) continue
    for (const tool of new Set(past.tools)) served.set(tool, (served.get(tool) ?? 0) + similarity / weight)
  }
  const words = new Set(analyze(request).terms.keys())
  const candidates = tools ?? [...served.keys()].map((name): Tool => ({ name }))
  return candidates
    .map((tool) => {
      const named = tools === null ? 0 : likeness(tool, words)
      return { name: tool.name, score: rounded(evidence * (served.get(tool.name) ?? 0) + (1 - evidence) * named) }
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
}

/** The share of similar requests that used tools. */
function needOf(neighbours: readonly Neighbour[]): number {
  const weight = weightOf(neighbours)
  return weight === 0 ? 0 : weightOf(neighbours.filter(({ past }) => past.tools.length > 0)) / weight
}

function weightOf(neighbours: readonly Neighbour[]): number {
  return neighbours.reduce((sum, { similarity }) => sum + similarity, 0)
}

/** How much of a tool's name the request says, and of its description at half weight; 0–1. */
function likeness({ name, description }: Tool, words: ReadonlySet<string>): number {
  const partly = (text: string) => {
    const terms = [...analyze(text.replaceAll('_', ' ')).terms.keys()]
    return terms.length === 0 ? 0 : terms.filter((term) => words.has(term)).length / terms.length
  }
  return Math.max(partly(name), 0.5 * partly(description ?? ''))
}

/** The mode that served most of what is alike. */
function usualMode(neighbours: readonly Neighbour[]): ChatMode | null {
  const served = new Map<ChatMode, number>()
  for (const { past, similarity } of neighbours) {
    if (past.success) served.set(past.mode, (served.get(past.mode) ?? 0) + similarity)
  }
  return [...served].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null
}

function rounded(value: number): number {
  return Math.round(Math.min(1, value) * 1000) / 1000
}
