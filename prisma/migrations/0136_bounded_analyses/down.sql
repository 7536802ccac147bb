REVOKE DELETE ON memory.context_analysis_cache FROM mnemograph_memory;
DROP INDEX memory.context_analysis_cache_owner;
