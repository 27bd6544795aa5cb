-- A vehicle's life: from a registration to the next erasure or loss of its state. What the core counts, and so every id
-- that it derives from a count, begins again with it; the number keeps the ids of two lives apart.
alter table vehicle add column life integer not null default 0 check (life >= 0);
comment on column vehicle.life is 'Raised by erasure, by a lost state and by an id that stands for something else; 0 is the first.';
