/**
 * Ids that come as a parameter, for `= ANY`. The planner then takes them for ten, however many there are. Of a bare
 * parameter it counts them: fewer than ten look cheaper than the plan that it has kept, so it plans anew each time, and by
 * a thousand it would read a table it knows little of.
 */
export const given = (parameter: string) => `ARRAY(SELECT unnest(${parameter}::uuid[]))`
