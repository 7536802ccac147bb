DROP INDEX memory.postings_memory;
