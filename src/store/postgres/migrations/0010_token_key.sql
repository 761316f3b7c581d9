-- Beside: 4
-- The key with which the servers of one database sign continue tokens, so that each takes the others' (S6). It guards no secret: who may
-- read this row may read everything.
create table token_key (
  one boolean primary key default true check (one),
  key bytea   not null check (length(key) = 32)
);
insert into token_key (key) values (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
