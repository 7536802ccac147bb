REVOKE EXECUTE ON FUNCTION memory.session_exists(uuid) FROM mnemograph_knowledge;
REVOKE USAGE ON SCHEMA agents, memory FROM mnemograph_knowledge;
DROP FUNCTION agents.agent_exists(uuid);
DROP TABLE knowledge.learning_patterns;
DROP TABLE knowledge.votes;
DROP TABLE knowledge.consensus_nodes;
