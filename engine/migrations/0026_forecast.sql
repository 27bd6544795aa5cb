-- What estimators said of the future of a part, and what became of it: the material of calibration.
create table forecast (
    vehicle_id text not null,
    component text not null,
    -- Measured time of the newest reading behind it.
    made_at timestamptz not null,
    estimator text not null,
    model text not null,
    -- Probabilities of being at the limit within 7, 14 and 30 days: as the estimator gave them, and as they were
    -- told after the calibration of that day.
    raw_within double precision[] check (cardinality(raw_within) = 3),
    told_within double precision[] check (cardinality(told_within) = 3),
    -- Days to the limit: early, central and late end of the 80 % interval; the late one may be infinite.
    raw_due double precision[] check (cardinality(raw_due) = 3),
    told_due double precision[] check (cardinality(told_due) = 3),
    -- The vehicle was heard of until then.
    heard_to timestamptz not null,
    -- A rule that detects found the part at its limit, or a technician did.
    failed_at timestamptz,
    -- A technician looked and found nothing.
    refuted_at timestamptz,
    -- Something else was done about the part: what would have become of it is not known.
    ended_at timestamptz,
    primary key (vehicle_id, component, made_at),
    check ((raw_within is null) = (told_within is null)),
    check ((raw_due is null) = (told_due is null))
);
create index forecast_by_time on forecast (made_at);
grant select, insert, update, delete on forecast to premend_engine;

-- How the forecasts of each estimator held, of all models together and by model; without any vehicle.
create table forecast_figures (
    estimator text not null,
    -- Empty: of all models.
    model text not null,
    -- rules::learned::Held as JSON.
    held jsonb not null,
    judged_at timestamptz not null,
    primary key (estimator, model)
);
grant select, insert, update, delete on forecast_figures to premend_engine;
