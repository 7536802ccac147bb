DROP INDEX memory.reasoning_chains_owner;
