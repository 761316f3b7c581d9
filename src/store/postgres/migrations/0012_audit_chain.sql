-- Beside: 4
-- The chain of audit records (S12). A record stays byte for byte as its writer put it; its link is made behind the writers, by audit_seal.
--
-- Records are written by commit_batch only, under the counter's lock; so the order of seq is the order of commits, and whoever sees
-- a record sees every one before it. Lock order: nothing here takes the counter's lock or a row of another table.

-- position: 1, 2, 3 ... without gaps, whatever gaps seq has. hash: SHA-256 over the hash before it (32 zero bytes before the first)
-- and the text `<position> <version or 0> <record>` in UTF-8; src/rules/audit-chain.ts says the same. The other columns are taken
-- from the record, to search by: an index costs the sealer, not the writers.
create table audit_link (
  position    bigint      primary key,
  seq         bigint      not null unique,
  hash        bytea       not null check (length(hash) = 32),
  at          timestamptz not null,
  username    text        not null,
  verb        text        not null,
  resource    text        not null,
  subresource text        not null,
  namespace   text        not null,
  name        text        not null,
  denied      boolean     not null
);
create index on audit_link (username, position);
create index on audit_link (namespace, position);
-- Most are patches by controllers; what people ask for is rare.
create index on audit_link (verb, position);
create index on audit_link (position) where denied;
create index on audit_link (at);

-- Signed by the server; body is the signed text. The key is not in the database.
create table audit_checkpoint (
  position  bigint not null,
  body      text   not null,
  signature text   not null,
  primary key (position, signature)
);

-- Stretches that stand in a file, and whose records may go. hash: of position "last", which the next link continues.
create table audit_archive (
  first    bigint      primary key,
  last     bigint      not null check (last >= first),
  last_seq bigint      not null,
  hash     bytea       not null,
  file     text        not null,
  at       timestamptz not null default clock_timestamp()
);

-- Links at most p_most records that have none. Callers wait for each other, so each goes on where the other ended; one that dies
-- leaves nothing. Answers how many it linked, and the chain's end. Of its owner, so that the serving role cannot make up a link.
create function audit_seal(p_most int, out linked int, out last bigint, out head bytea) language plpgsql security definer set search_path from current as $$
declare
  v_seq bigint;
  v     record;
begin
  perform pg_advisory_xact_lock(7135119204);
  linked := 0;
  select l.position, l.seq, l.hash into last, v_seq, head from audit_link l order by l.position desc limit 1;
  if not found then
    select a.last, a.last_seq, a.hash into last, v_seq, head from audit_archive a order by a.last desc limit 1;
  end if;
  last := coalesce(last, 0);
  head := coalesce(head, decode(repeat('00', 32), 'hex'));
  -- jsonb takes neither \u0000 nor half a surrogate pair; both are legal in a record, and are replaced in what is searched only.
  for v in select a.seq, a.version, a.at, a.record,
      (case when strpos(a.record, '\u') > 0 then regexp_replace(a.record, '\\u(0000|[dD][89abAB]..|[dD][c-fC-F]..)', '\\ufffd', 'g') else a.record end)::jsonb as j
    from audit a where a.seq > coalesce(v_seq, 0) order by a.seq limit p_most loop
    last := last + 1;
    linked := linked + 1;
    head := sha256(head || convert_to(last || ' ' || coalesce(v.version, 0) || ' ' || v.record, 'UTF8'));
    insert into audit_link values (last, v.seq, head, v.at, coalesce(v.j->'user'->>'username', ''), coalesce(v.j->>'verb', ''), coalesce(v.j->'objectRef'->>'resource', ''), coalesce(v.j->'objectRef'->>'subresource', ''),
      coalesce(v.j->'objectRef'->>'namespace', ''), coalesce(v.j->'objectRef'->>'name', ''), coalesce(v.j->>'decision', '') = 'deny');
  end loop;
end $$;

-- Nobody changes a record or its link by mistake, the schema's owner included; a row goes only when an archive holds it.
create function audit_is_kept() returns trigger language plpgsql set search_path from current as $$
begin
  if tg_op = 'DELETE' and old.seq <= (select max(a.last_seq) from audit_archive a) then
    return old;
  end if;
  raise exception 'the audit is not changed' using errcode = '42501';
end $$;
create trigger kept before update or delete on audit for each row execute function audit_is_kept();
create trigger kept before update or delete on audit_link for each row execute function audit_is_kept();
create trigger kept_whole before truncate on audit for each statement execute function audit_is_kept();
create trigger kept_whole before truncate on audit_link for each statement execute function audit_is_kept();
