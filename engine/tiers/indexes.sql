-- All tiers. One index for every chart; the block range index costs next to nothing to write, because
-- rows arrive in its order, and finds what a backlog added to hours already rolled up.
create index sample_by_vehicle on sample (vehicle_id, measured_at);
create index sample_by_receipt on sample using brin (received_at);
grant select, insert, delete on sample to premend_engine;
