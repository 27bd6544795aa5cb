-- What a change of the rules is, who made it and who agreed, by account; and what the proof of safety said of it.

alter table activation
    -- Whose own part of the set it changes: a dealer's. Null: the manufacturer's, the operator's or a job's.
    add column dealer_id uuid references dealer,
    -- The accounts behind `author` and `decided_by`; null for the operator's directory and for jobs.
    add column author_account uuid,
    add column decided_by_account uuid,
    -- Examples and courses that were run, and what they would lose. Null: from before safety was proved.
    add column proof jsonb;

-- Two accounts look at every change that people make, besides two names.
alter table activation add constraint a_second_account_approves check (
    author_account is null or decided_by_account is null or author_account <> decided_by_account);
-- Whatever can change a decision or a text needs them; only what was agreed to before comes back alone.
alter table activation add constraint what_changes_decisions_is_agreed_to check (
    needs_approval or origin = 'rollback' or not jsonb_path_exists(changes, '$[*] ? (@.needs_approval == true)'));
-- Nobody can agree to what loses safety.
alter table activation add constraint what_is_unsafe_is_refused check (
    state = 'rejected' or proof is null or not jsonb_path_exists(proof, '$.losses[*]'));
