DROP FUNCTION knowledge.node_exists(uuid);
DROP POLICY definer ON knowledge.consensus_nodes;
REVOKE SELECT ON knowledge.consensus_nodes FROM mnemograph_definer;
REVOKE USAGE ON SCHEMA knowledge FROM mnemograph_memory;
ALTER TABLE memory.chat_sessions DROP COLUMN consensus_node_id;
ALTER TABLE memory.vectors DROP COLUMN consensus_node_id;
