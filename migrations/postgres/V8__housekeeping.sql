-- Queues are small and all their rows die: vacuum by their number, not by a share of the table, and at
-- once, or a scan from the head crawls over dead index entries. Statistics of a table that is empty at
-- one moment and full at the next only mislead the planner.
DO $$
DECLARE
    queue text;
BEGIN
    FOREACH queue IN ARRAY ARRAY['outbox', 'memory_write_outbox'] LOOP
        EXECUTE format(
            'ALTER TABLE %I SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                 autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0,
                 autovacuum_analyze_threshold = 1000000000)', queue);
    END LOOP;
    -- Rows that are updated again and again.
    FOREACH queue IN ARRAY ARRAY['work_claims', 'usage_totals', 'leases', 'work_owners', 'members'] LOOP
        EXECUTE format(
            'ALTER TABLE %I SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000,
                 autovacuum_vacuum_cost_delay = 0)', queue);
    END LOOP;
END
$$;
