DROP TABLE memory.context_analysis_cache;
