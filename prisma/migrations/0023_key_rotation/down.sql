DROP FUNCTION audit.renew_values(bigint[], bytea[]), audit.outdated_values(bytea, integer);
