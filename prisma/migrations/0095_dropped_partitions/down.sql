-- As migration 0021 made it.
CREATE OR REPLACE FUNCTION audit.cleanup_old_data(keep interval DEFAULT '7 years') RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  old record;
BEGIN
  FOR old IN
    SELECT parent.relname AS parent, child.oid::regclass AS child, to_date(right(child.relname, 6), 'YYYYMM') AS month
    FROM pg_inherits JOIN pg_class AS parent ON parent.oid = inhparent JOIN pg_class AS child ON child.oid = inhrelid
    WHERE parent.relnamespace = 'audit'::regnamespace AND child.relname ~ '_[0-9]{6}$'
      AND (to_date(right(child.relname, 6), 'YYYYMM') + interval '1 month') < now() - greatest(keep, interval '1 month')
  LOOP
    EXECUTE format('DROP TABLE %s', old.child);
    IF old.parent = 'audit_log' THEN PERFORM audit.note_dropped(old.child::text, old.month); END IF;
    RETURN NEXT old.child::text;
  END LOOP;
END
$$;
