-- What is forgotten or revised is taken from its shelf by what it is, and not by each of its words: a memory's postings
-- are neighbours here, and are scattered over the index of words.
CREATE INDEX postings_memory ON memory.postings (memory_id);
