-- Failures to log in are counted in memory, for names that exist and names that do not alike: somebody
-- without an account must not be able to make this database write or grow.
drop table person.login_failure;
