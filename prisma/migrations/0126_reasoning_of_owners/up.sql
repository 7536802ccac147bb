-- An owner's chains of all his sessions, as his routing decisions have it.
CREATE INDEX reasoning_chains_owner ON memory.reasoning_chains (owner_id, ordinal);
