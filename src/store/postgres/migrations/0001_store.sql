-- The store: one counter, the objects, the log of their changes, audit, leases, sealed bytes (SEMANTICS.md S1-S4, S9).
--
-- Lock order, everywhere: committer (own row) -> lease -> counter -> rows of resource. Rows of resource, log and audit are written
-- only by commit_batch, under the counter's lock; so none of these statements can wait for another one.

-- One row. version: the last one given out. floor: the log answers for versions above it.
create table counter (
  one     boolean primary key default true check (one),
  version bigint  not null default 0,
  floor   bigint  not null default 0
) with (fillfactor = 10);
insert into counter default values;

-- One row for each committer (an api process), updated in place: its last batch, and what became of it (S3).
create table committer (
  id     uuid        primary key,
  batch  bigint      not null default 0,
  -- For each operation its version; null: refused. The whole is null: the batch was given up before it was carried out.
  result bigint[],
  at     timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- Body is text, byte for byte what is served. No index but the key, and room on each page: updates stay HOT (S9). Rows up to 3 kB,
-- which is most of them, are not compressed: it would be a third of the CPU of a write.
create table resource (
  resource   text collate "C" not null,
  namespace  text collate "C" not null,
  name       text collate "C" not null,
  uid        text    not null,
  version    bigint  not null,
  labels     jsonb   not null,
  owner_uids jsonb   not null,
  finalizers jsonb   not null,
  deleting   boolean not null,
  body       text    not null,
  primary key (resource, namespace, name)
) with (fillfactor = 70, toast_tuple_target = 3000, autovacuum_vacuum_scale_factor = 0.05);

-- Every change. body null: deleted. before_version null: added. The object before is the row of before_version while that is kept;
-- below the floor it stands here, in the columns before_* (written by commit_batch, or by compaction just before it drops that row).
create table log (
  version           bigint      not null,
  at                timestamptz not null default clock_timestamp(),
  resource          text collate "C" not null,
  namespace         text collate "C" not null,
  name              text collate "C" not null,
  uid               text        not null,
  labels            jsonb,
  owner_uids        jsonb,
  finalizers        jsonb,
  deleting          boolean,
  body              text,
  before_version    bigint,
  before_uid        text,
  before_labels     jsonb,
  before_owner_uids jsonb,
  before_finalizers jsonb,
  before_deleting   boolean,
  before_body       text,
  primary key (version)
) partition by range (version);

-- The partitions that exist: versions from..until-1.
create table log_partition (
  "from" bigint primary key,
  until  bigint not null check (until > "from"),
  name   text   not null unique
);

-- Appends partitions of p_span versions until the log reaches p_until. ATTACH of a table with a matching CHECK takes no lock that
-- stops readers or writers, CREATE TABLE ... PARTITION OF would.
create function log_extend(p_until bigint, p_span bigint) returns void language plpgsql as $$
declare
  v_from bigint;
begin
  perform pg_advisory_xact_lock(hashtext('skerry log_extend'));
  select coalesce(max(until), 1) into v_from from log_partition;
  while v_from < p_until loop
    execute format('create table log_%s (like log including defaults) with (toast_tuple_target = 8160)', v_from);
    execute format('alter table log_%1$s add primary key (version), add constraint log_%1$s_range check (version >= %1$s and version < %2$s)', v_from, v_from + p_span);
    execute format('alter table log attach partition log_%1$s for values from (%1$s) to (%2$s)', v_from, v_from + p_span);
    execute format('alter table log_%1$s drop constraint log_%1$s_range', v_from);
    insert into log_partition values (v_from, v_from + p_span, 'log_' || v_from);
    v_from := v_from + p_span;
  end loop;
end $$;

-- A write's record, in its transaction, as the bytes that are sealed later (S12).
create table audit (
  seq     bigint generated always as identity primary key,
  -- The last version that the write made; null: it wrote no object.
  version bigint,
  at      timestamptz not null default clock_timestamp(),
  record  text        not null
);

create table lease (
  slot   text        primary key,
  -- Empty: released. epoch and until stay.
  holder text        not null,
  epoch  bigint      not null,
  until  timestamptz not null
) with (fillfactor = 50);

create table sealed (
  id    text  primary key,
  bytes bytea not null
);
