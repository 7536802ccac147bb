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
  // A second team, without categories.
  {
    text: 'Morning! Did Anneke ever get back to you about the Rotterdam warehouse?',
    concepts: [['Anneke'], ['Rotterdam']],
  },
  {
    text: "Nope, she's with Hapag-Lloyd today, something about container HLXU2008419.",
    concepts: [['Hapag-Lloyd'], ['HLXU2008419']],
  },
  {
    text: "OK. Then let's push the Falcon launch to 9 September 2025 and tell Budi.",
    concepts: [['Falcon'], ['2025-09-09'], ['Budi']],
  },
  {
    text: "Budi's out until Thursday. Sunita can cover for him in Jakarta.",
    concepts: [['Budi'], ['Sunita'], ['Jakarta']],
  },
  {
    text: "I've drafted the memo in Notion; please have a look before we send it to Mrs. Haverkamp.",
    concepts: [['Notion'], ['Haverkamp']],
  },
  { text: 'Great work everyone, the numbers look really good this quarter!', concepts: [] },
  { text: 'The Stripe webhook returned a 502 twice, I opened BUG-881 for it.', concepts: [['Stripe'], ['BUG-881']] },
  {
    text: 'Reminder: Oluwaseun is allergic to peanuts, so no satay at the offsite in Lake Como.',
    concepts: [['Oluwaseun'], ['Lake Como']],
  },
  {
    text: 'Our cat Mochi knocked over the router again. Sorry for dropping off the Zoom call.',
    concepts: [['Mochi'], ['Zoom']],
  },
  {
    text: 'Could you book the Eurostar from London to Brussels for me and Anneke?',
    concepts: [['Eurostar'], ['London'], ['Brussels'], ['Anneke']],
  },
  { text: 'Sure, which class do you prefer? Standard costs 89 euros, Business costs 210.', concepts: [] },
  { text: 'Standard is fine. My loyalty number is EU77120934.', concepts: [['EU77120934']] },
  {
    text: '**Summary**\n\n- Passenger: Daan Verhoeven\n- Route: London to Brussels\n- Fare: Standard\n- Total: $89.00',
    concepts: [['Daan Verhoeven'], ['London'], ['Brussels']],
  },
  {
    text: 'Daan studied at the Technical University of Delft before joining Philips.',
    concepts: [['Daan'], ['Technical University of Delft'], ['Philips']],
  },
  { text: 'Elixir would be a better fit than Go for this, says Sunita.', concepts: [['Elixir'], ['Go'], ['Sunita']] },
  { text: 'She loves hiking, reading and Sunday brunches with her sister Rania.', concepts: [['Rania']] },
  { text: 'We watched Dune at the cinema on Kalverstraat, then had ramen.', concepts: [['Dune'], ['Kalverstraat']] },
  { text: 'Happy birthday, Rania! Hope the cake survived the trip.', concepts: [['Rania']] },
  { text: 'Installing CUDA 12.4 on the A100 box took all afternoon.', concepts: [['CUDA'], ['A100']] },
  {
    text: 'The contract with Umbrella Logistics GmbH ends on 2026-01-31.',
    concepts: [['Umbrella Logistics GmbH'], ['2026-01-31']],
  },
  {
    text: "I can't find the invoice. Can you resend it to billing@umbrella.example?",
    concepts: [['billing@umbrella.example']],
  },
  { text: 'Please note: All Prices Include Tax.', concepts: [] },
  { text: 'THIS IS NOT ACCEPTABLE, I WANT A REFUND NOW', concepts: [] },
  {
    text: 'Thank you for your patience. Your request has been forwarded to the Billing Team.',
    concepts: [['Billing Team']],
  },
  {
    text: 'Perfect, Anneke and Daan will meet at Amsterdam Centraal.',
    concepts: [['Anneke'], ['Daan'], ['Amsterdam Centraal']],
  },
]
