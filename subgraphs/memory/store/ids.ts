/**
 * Ids that come as a parameter, for `= ANY`. The planner then takes them for ten, however many there are. Of a bare
 * parameter it counts them, finds fewer than ten cheaper than the plan it has kept, and plans anew each time.
 */
export const given = (parameter: string) => `ARRAY(SELECT unnest(${parameter}::uuid[]))`
