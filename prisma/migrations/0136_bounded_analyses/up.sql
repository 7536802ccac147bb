-- An owner keeps only so many analyses: with a new one his oldest go.
CREATE INDEX context_analysis_cache_owner ON memory.context_analysis_cache (owner_id, created_at, id);
GRANT DELETE ON memory.context_analysis_cache TO mnemograph_memory;
