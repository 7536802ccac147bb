import type { Category } from '../../subgraphs/knowledge/extraction/types.ts'

/** A text and the concepts that a reader finds in it; a category only where the text tells it. */
export interface Labelled {
  readonly text: string
  readonly concepts: readonly (readonly [name: string, category?: Category])[]
}

/** A team's talk, written for this test and labelled by hand before the extractor saw it. */
export const labelled: readonly Labelled[] = [
  {
    text: 'Nadia finished the Heron migration, so we can point Grafana at the new cluster in Frankfurt.',
    concepts: [['Nadia'], ['Heron'], ['Grafana'], ['Frankfurt', 'PLACE']],
  },
  {
    text: 'Thanks, Nadia! The cluster looks calm. Did Teodor already close OPS-2207?',
    concepts: [['Nadia', 'PERSON'], ['Teodor'], ['OPS-2207', 'IDENTIFIER']],
  },
  { text: 'Not yet. I will do it after lunch, the ticket needs one more review.', concepts: [] },
  {
    text: 'Our customer at Norsk Papir AS asked for an invoice in Danish kroner.',
    concepts: [['Norsk Papir AS'], ['Danish']],
  },
  {
    text: 'My colleague Ingrid moved from Bergen to San Francisco on 14 February 2025.',
    concepts: [['Ingrid', 'PERSON'], ['Bergen'], ['San Francisco', 'PLACE'], ['2025-02-14', 'DATE']],
  },
  {
    text: "Ingrid's talk at the University of Tartu was about vector search in PostgreSQL 18.1.",
    concepts: [
      ['Ingrid', 'PERSON'],
      ['University of Tartu', 'ORGANIZATION'],
      ['PostgreSQL', 'PRODUCT'],
    ],
  },
  {
    text: '- **Customer Name:** Rafael Ortiz\n- **Booking Reference:** K7QX2M\n- **Preferred Seat:** Window\n- **Status:** Confirmed',
    concepts: [['Rafael Ortiz'], ['K7QX2M', 'IDENTIFIER']],
  },
  {
    text: 'Please confirm the Booking Reference and the preferred seat. The status of a customer is in the booking.',
    concepts: [],
  },
  {
    text: 'Rafael prefers a window seat; write to rafael.ortiz@example.org when booking K7QX2M changes.',
    concepts: [['Rafael'], ['rafael.ortiz@example.org', 'IDENTIFIER'], ['K7QX2M', 'IDENTIFIER']],
  },
  {
    text: 'The runbook is at https://wiki.example.org/ops/failover?session=91ab, ask Dr. Lindqvist about it.',
    concepts: [
      ['wiki.example.org/ops/failover', 'LINK'],
      ['Lindqvist', 'PERSON'],
    ],
  },
  {
    text: 'Yup, that worked. Whoa, the queue drained in 40 seconds! It cost us $12.50 at 10:30 pm.',
    concepts: [],
  },
  { text: 'Wow, what a day! Unfortunately the printer on the second floor jams again.', concepts: [] },
  {
    text: 'Kubernetes restarted the pod twice, then Teodor rolled back to release 7 of Heron.',
    concepts: [['Kubernetes'], ['Teodor'], ['Heron']],
  },
  {
    text: 'We signed with Blue Harbor LLC and the Bank of Finland; Mateus brought the papers from Porto.',
    concepts: [
      ['Blue Harbor LLC', 'ORGANIZATION'],
      ['Bank of Finland', 'ORGANIZATION'],
      ['Mateus'],
      ['Porto', 'PLACE'],
    ],
  },
  {
    text: 'Step 3 of the plan: call mateus_silva_4410 and read the GraphQL schema of Heron.',
    concepts: [['mateus_silva_4410', 'IDENTIFIER'], ['GraphQL', 'TOPIC'], ['Heron']],
  },
  { text: 'Can you send the summary by Friday? I think Tuesday works as well.', concepts: [] },
  {
    text: 'hi again, mateus here. i liked the museum, but the rain was terrible',
    concepts: [['Mateus']],
  },
  {
    text: 'Golden Gate Park was packed, so Yusuf took us to Lake Merritt.',
    concepts: [['Golden Gate Park', 'PLACE'], ['Yusuf'], ['Lake Merritt']],
  },
  { text: 'Hope you had a good weekend. Will you join the call? Mark the date please.', concepts: [] },
  {
    text: 'On March 3rd, 2025 the audit by Jean-Luc Moreau and J. K. Adeyemi begins.',
    concepts: [['2025-03-03', 'DATE'], ['Jean-Luc Moreau'], ['J. K. Adeyemi']],
  },
]
