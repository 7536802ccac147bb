/** What a name's own words tell of its kind. Names are given as concept keys. */

/** Territories, by the Unicode CLDR that every JavaScript engine ships. */
function territories(): string[] {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
  return letters.flatMap((first) => letters.map((second) => names.of(first + second) ?? ''))
}

/** The cities that give the IANA time zones their names. Antarctic stations are called after people. */
function zoneCities(): string[] {
  return Intl.supportedValuesOf('timeZone')
    .filter((zone) => /^(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)\//u.test(zone))
    .map((zone) => zone.slice(zone.lastIndexOf('/') + 1).replaceAll('_', ' '))
}

const states = `Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Hawaii Idaho Illinois
  Indiana Iowa Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan Minnesota Mississippi Missouri Montana
  Nebraska Nevada Ohio Oklahoma Oregon Pennsylvania Tennessee Texas Utah Vermont Wisconsin Wyoming Bavaria Catalonia
  England Scotland Wales Ontario Quebec Queensland Tuscany Normandy Provence Andalusia Brittany`

const cities = `Aberdeen Amman Antwerp Atlanta Austin Baltimore Bangalore Barcelona Basel Beijing Bengaluru Birmingham
  Bologna Bonn Bordeaux Boston Bristol Calgary Cardiff Charlotte Chennai Cincinnati Cleveland Cologne Dallas Delhi
  Dresden Edinburgh Florence Frankfurt Geneva Genoa Ghent Glasgow Gothenburg Granada Hamburg Hanoi Heidelberg Houston
  Hyderabad Kyoto Leeds Leipzig Liverpool Lyon Malaga Manchester Marrakesh Marseille Melbourne Memphis Miami Milan
  Milwaukee Minneapolis Montreal Mumbai Munich Naples Nashville Newark Nuremberg Oakland Orlando Osaka Ottawa
  Oxford Philadelphia Pittsburgh Porto Portland Pune Rotterdam Sacramento Salzburg Seattle Seville Sheffield Shenzhen
  Stuttgart Toulouse Tucson Turin Utrecht Valencia Venice Wuhan`

const longNames = [
  ...[
    'New York City',
    'San Francisco',
    'San Diego',
    'San Jose',
    'San Antonio',
    'Fort Worth',
    'Cape Town',
    'Las Vegas',
    'Los Angeles',
    'Salt Lake City',
  ],
  ...['New Jersey', 'New Mexico', 'New Hampshire', 'North Carolina', 'South Carolina', 'North Dakota', 'South Dakota'],
  ...[
    'Rhode Island',
    'West Virginia',
    'British Columbia',
    'New South Wales',
    'The Hague',
    'New Delhi',
    'St Petersburg',
  ],
  ...['USA', 'U.S.', 'US', 'UK', 'UAE', 'EU', 'NYC', 'Europe', 'Asia', 'Africa', 'North America', 'South America'],
]

/** Also given names or common words: no evidence of a place. */
const ambiguous =
  `chad jordan georgia jamaica israel virginia sydney victoria adelaide santiago martin guinea jersey man
  center easter wake midway juba nome knox reading mobile`.split(/\s+/u)

export const places: ReadonlySet<string> = new Set(
  [...territories(), ...zoneCities(), ...states.split(/\s+/u), ...cities.split(/\s+/u), ...longNames]
    .map((name) => name.toLowerCase())
    .filter((name) => name !== '' && !ambiguous.includes(name)),
)

/** First words that belong to the name that follows, though they are common ones. */
export const leading = setOf(`new old san santa santo los las saint st port fort mount lake cape north south east west
  great little el la le royal grand central united rio costa sri hong cote puerto`)

/** Last words that belong to the name before them, and what they make of it. */
export const placeEndings = setOf(`airport street st avenue ave road rd drive lane boulevard blvd square city county
  park beach island islands lake river valley mountains mountain falls bridge station harbor bay canyon`)
export const companyForms = setOf('inc corp ltd llc gmbh plc ag ab as bv nv oy')
export const organizationEndings = setOf(`university college institute foundation airlines
  airways bank company corporation committee council association agency museum hospital society group holdings
  partners labs laboratories studios church`)
const otherEndings = setOf('award prize festival conference summit day act cup league project marathon')
export const endings: ReadonlySet<string> = new Set([
  ...placeEndings,
  ...organizationEndings,
  ...companyForms,
  ...otherEndings,
])

/** Months and days of the week are dates, never names of their own. */
export const calendar = setOf(`january february march april may june july august september october november december
  monday tuesday wednesday thursday friday saturday sunday jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues
  wed thu thur thurs fri sat sun`)

/** Capitals that everyone writes and that name nothing in particular. */
export const commonCapitals = setOf(`am pm est edt cst cdt mst mdt pst pdt utc gmt cet cest id ids ok yes no not and or
  the all any must never always only please note faq fyi asap lol omg btw imo imho idk brb tbd tba eta rsvp ps vs etc ie
  eg tv dob na todo lemme gotta gonna wanna dunno gotcha yup nah yay whoa oof phew hah hmm ugh aww mr mrs ms dr prof sir usd eur gbp stop url http https i've i'm`)

/** Titles of address: what follows is a person. */
export const honorifics = setOf('mr mrs ms miss dr prof professor sir madam captain uncle aunt')
/** Words after which a person is spoken to. */
export const greetings = setOf(`hi hey hello thanks thank you dear bye goodbye congrats congratulations welcome sorry
  morning evening wow yeah yes yep sure ok okay agreed absolutely definitely`)
/** Words that say who someone is to someone: `my sister Ana`, `Ana's sister`. */
export const relations = setOf(`friend friends sister brother wife husband son daughter mom mum mother dad father
  colleague coworker boss manager teacher cousin uncle aunt neighbor neighbour partner girlfriend boyfriend fiance
  grandma grandpa grandmother grandfather nephew niece roommate mentor coach passenger`)

function setOf(words: string): ReadonlySet<string> {
  return new Set(words.split(/\s+/u).filter((word) => word !== ''))
}
