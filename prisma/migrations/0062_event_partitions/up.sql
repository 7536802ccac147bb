-- Drops the months of the log that are older than its retention and have been trimmed to their end. What trimming leaves in
-- them, the last events of memories that are there, moves to the default partition: what is derived is rebuilt from those.
-- Answers the partitions.
CREATE FUNCTION events.drop_partitions(older_than interval) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  upto record;
  old record;
  trimmed boolean;
BEGIN
  SELECT t.xid, t.seq INTO upto FROM events.trimmed AS t JOIN app.system ON system.epoch = t.epoch;
  IF NOT FOUND THEN RETURN; END IF;
  FOR old IN
    SELECT inhrelid::regclass::text AS child FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'events.log'::regclass AND relname ~ '_[0-9]{6}$'
      AND (to_date(right(relname, 6), 'YYYYMM') + interval '1 month') < now() - older_than
    ORDER BY relname
  LOOP
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s WHERE (xid, seq) > ($1, $2))', old.child) INTO trimmed USING upto.xid, upto.seq;
    CONTINUE WHEN NOT trimmed;
    EXECUTE format('ALTER TABLE events.log DETACH PARTITION %s', old.child);
    EXECUTE format('INSERT INTO events.log_default SELECT * FROM %s', old.child);
    EXECUTE format('DROP TABLE %s', old.child);
    RETURN NEXT old.child;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION events.drop_partitions(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION events.drop_partitions(interval) TO mnemograph_projector;

-- Drops whole months of what policies decided, as the audit drops its own. Answers the partitions.
CREATE FUNCTION memory.drop_decisions(keep interval DEFAULT '7 years') RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT inhrelid::regclass::text AS child FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'memory.policy_decisions'::regclass AND relname ~ '_[0-9]{6}$'
      AND (to_date(right(relname, 6), 'YYYYMM') + interval '1 month') < now() - greatest(keep, interval '1 month')
    ORDER BY relname
  LOOP
    EXECUTE format('DROP TABLE %s', old.child);
    RETURN NEXT old.child;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION memory.drop_decisions(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION memory.drop_decisions(interval) TO mnemograph_projector;
