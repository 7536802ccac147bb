/** One line of a chart. */
export interface Line {
  readonly name: string
  readonly color: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  /** Both axes in powers of ten: a straight line at half a right angle is then linear growth. */
  readonly isLogarithmic: boolean
  readonly lines: readonly Line[]
}

const width = 640
const height = 400
const margin = { left: 70, right: 20, top: 50, bottom: 55 }

/** Draws a chart as SVG that is read on a light page and on a dark one. */
export function drawChart(chart: Chart): string {
  const points = chart.lines.flatMap((line) => line.points)
  const x = scale(
    chart.isLogarithmic,
    points.map(([value]) => value),
    margin.left,
    width - margin.right,
  )
  const y = scale(
    chart.isLogarithmic,
    points.map(([, value]) => value),
    height - margin.bottom,
    margin.top,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" fill="#777">`,
    `<title>${chart.title}: ${chart.y} by ${chart.x}</title>`,
    text(width / 2, 22, chart.title, 'middle', ' font-size="16"'),
    ...x.ticks.flatMap((tick) => [
      rule(x.at(tick), margin.top, x.at(tick), height - margin.bottom),
      text(x.at(tick), height - margin.bottom + 18, label(tick)),
    ]),
    ...y.ticks.flatMap((tick) => [
      rule(margin.left, y.at(tick), width - margin.right, y.at(tick)),
      text(margin.left - 8, y.at(tick) + 4, label(tick), 'end'),
    ]),
    text(width / 2, height - 12, chart.x),
    text(0, 0, chart.y, 'middle', ` transform="translate(16 ${height / 2}) rotate(-90)"`),
    ...chart.lines.flatMap((line, index) => drawLine(line, index, x.at, y.at)),
    '</svg>\n',
  ].join('\n')
}

type At = (value: number) => number

function drawLine({ name, color, points }: Line, index: number, x: At, y: At): string[] {
  const places = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`)
  return [
    `<polyline points="${places.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...points.map(([px, py]) => `<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3.5" fill="${color}"/>`),
    text(margin.left + 14, margin.top + 18 + index * 18, name, 'start', ` fill="${color}"`),
  ]
}

function scale(isLogarithmic: boolean, values: readonly number[], from: number, to: number) {
  const ticks = isLogarithmic ? powers(values) : evenTicks(Math.max(...values))
  const measure = isLogarithmic ? Math.log10 : (value: number) => value
  const first = measure(ticks[0] ?? 0)
  const last = measure(ticks.at(-1) ?? 1)
  return { ticks, at: (value: number) => from + ((measure(value) - first) / (last - first)) * (to - from) }
}

function powers(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.ceil(Math.log10(Math.max(...values)))
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}

function evenTicks(most: number): number[] {
  const rough = 10 ** Math.floor(Math.log10(most / 4))
  const step = [1, 2, 5, 10].map((times) => times * rough).find((size) => most / size <= 7) ?? most
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
}

function label(value: number): string {
  return `${Number(value.toPrecision(3))}`
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<path d="M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}" stroke="#777" stroke-opacity="0.25"/>`
}

function text(x: number, y: number, words: string, anchor = 'middle', more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${more}>${words}</text>`
}
