-- What is held to be known, as another room keeps it, in which a session's talk has come together, or of which a text is.
-- The ids are checked when they are named.
ALTER TABLE memory.chat_sessions ADD COLUMN consensus_node_id uuid;
ALTER TABLE memory.vectors ADD COLUMN consensus_node_id uuid;

-- All that another room may ask about what is held to be known: whether the viewer has a node of that id.
CREATE FUNCTION knowledge.node_exists(node uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM knowledge.consensus_nodes WHERE consensus_nodes.id = node
    AND consensus_nodes.owner_id = app.current_user_id() AND consensus_nodes.tenant_id = app.current_tenant_id());
END;
GRANT SELECT ON knowledge.consensus_nodes TO mnemograph_definer;
CREATE POLICY definer ON knowledge.consensus_nodes FOR SELECT TO mnemograph_definer USING (true);
ALTER FUNCTION knowledge.node_exists(uuid) OWNER TO mnemograph_definer;
REVOKE EXECUTE ON FUNCTION knowledge.node_exists(uuid) FROM PUBLIC;
GRANT USAGE ON SCHEMA knowledge TO mnemograph_memory;
GRANT EXECUTE ON FUNCTION knowledge.node_exists(uuid) TO mnemograph_memory;
