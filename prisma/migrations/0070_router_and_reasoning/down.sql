DROP FUNCTION agents.event_exists(uuid);
REVOKE USAGE ON SCHEMA agents FROM mnemograph_memory;
DROP TABLE memory.reasoning_chains, memory.router_decisions;
