-- Beside: 4
-- Several servers over one database, of which it may be another one tomorrow, and of two versions (SEMANTICS.md S7, S11).
-- Programs of the version before this migration go on: what they call is there as it was, and refuses where it must.

-- S7. Which server the versions are of. Another one (restored from a dump, promoted, recovered to a point in time) may lack what was
-- answered before; then a new epoch begins, far above every version that anybody can have seen.
create table epoch (
  number            bigint      primary key,
  at                timestamptz not null default clock_timestamp(),
  system_identifier bigint      not null,
  timeline          text        not null,
  -- A restore from a dump makes the table anew, also on the same server.
  counter_oid       bigint      not null,
  -- The last version of the epoch before, and the one above which this one's are; all up to that are expired.
  ended             bigint      not null,
  base              bigint      not null,
  reason            text        not null
);
alter table counter add column epoch bigint not null default 0;

-- Where we are writing now; the control file may lag behind a promotion.
create function present_timeline() returns text language sql stable return left(pg_walfile_name(pg_current_wal_lsn()), 8);

insert into epoch (number, system_identifier, timeline, counter_oid, ended, base, reason)
  select 0, s.system_identifier, present_timeline(), 'counter'::regclass::oid::bigint, 0, 0, 'the first' from pg_control_system() s;

-- Begins a new epoch: versions go on 2^32 higher, everything below is expired, and nobody holds a lease any more, since the epochs of
-- leases may have gone back, too. p_if_moved: only when the server is another one than that of the present epoch; of several who ask at
-- once, one begins it. Lock order: lease -> counter.
create function begin_epoch(p_reason text, p_if_moved boolean, out began boolean, out number bigint, out ended bigint, out base bigint) language plpgsql as $$
declare
  v_system bigint;
begin
  perform 1 from lease for update;
  select c.epoch, c.version into strict number, ended from counter c for update;
  select s.system_identifier into strict v_system from pg_control_system() s;
  began := not p_if_moved or not exists (select from epoch e where e.number = begin_epoch.number and e.system_identifier = v_system
    and e.timeline = present_timeline() and e.counter_oid = 'counter'::regclass::oid::bigint);
  if not began then
    return;
  end if;
  number := number + 1;
  base := ended + 4294967296;
  insert into epoch (number, system_identifier, timeline, counter_oid, ended, base, reason)
    values (number, v_system, present_timeline(), 'counter'::regclass::oid::bigint, ended, base, p_reason);
  update lease l set holder = '', epoch = l.epoch + 4294967296;
  update counter c set version = base, floor = base, epoch = begin_epoch.number;
end $$;

-- Called on each new connection, before anything else: on the server of the present epoch it only looks.
create function keep_epoch() returns void language plpgsql as $$
begin
  if pg_is_in_recovery() then
    raise exception 'this server is a standby' using errcode = 'SK004';
  end if;
  if not exists (select from counter c join epoch e on e.number = c.epoch, pg_control_system() s
      where e.system_identifier = s.system_identifier and e.timeline = present_timeline() and e.counter_oid = 'counter'::regclass::oid::bigint) then
    perform begin_epoch('the server is another one: restored, promoted or recovered', true);
  end if;
end $$;

-- Partitions go on above the base of an epoch.
create or replace function log_extend(p_until bigint, p_span bigint) returns void language plpgsql as $$
declare
  v_from bigint;
begin
  perform pg_advisory_xact_lock(hashtext('skerry log_extend'));
  select greatest(coalesce((select max(until) from log_partition), 1), c.version + 1) into strict v_from from counter c;
  while v_from < p_until loop
    execute format('create table log_%s (like log including defaults) with (toast_tuple_target = 8160)', v_from);
    execute format('alter table log_%1$s add primary key (version), add constraint log_%1$s_range check (version >= %1$s and version < %2$s)', v_from, v_from + p_span);
    execute format('alter table log attach partition log_%1$s for values from (%1$s) to (%2$s)', v_from, v_from + p_span);
    execute format('alter table log_%1$s drop constraint log_%1$s_range', v_from);
    insert into log_partition values (v_from, v_from + p_span, 'log_' || v_from);
    v_from := v_from + p_span;
  end loop;
end $$;

-- S11. The number of the schema by which a row was written; a program does not write what has a higher one than its own.
alter table resource add column schema int not null default 1;

-- Who writes, and the highest number each knows. One that has not been heard of for p_live_ms does not count.
create table server (
  id     uuid        primary key,
  schema int         not null,
  at     timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- Says that a server is there, and answers the number that all understand.
create function announce(p_id uuid, p_schema int, p_live_ms bigint) returns int language plpgsql as $$
begin
  insert into server (id, schema) values (p_id, p_schema) on conflict (id) do update set schema = excluded.schema, at = clock_timestamp();
  delete from server s where s.at < clock_timestamp() - interval '1 hour';
  return (select min(s.schema) from server s where s.at > clock_timestamp() - p_live_ms * interval '1 ms');
end $$;

-- Group commit (S2), as in 0002_commit.sql, with three more parameters:
-- p_seen: the highest version that the caller has seen; a database behind it has lost something (S7).
-- p_schema, p_write_schema: the highest number that the caller knows, and the one it writes (S11).
-- newer: the transactions refused because they would change a row with a higher number than p_schema.
create function commit_batch(
  p_committer uuid, p_batch bigint, p_seen bigint, p_schema int, p_write_schema int,
  t_tx bigint[], t_slot text[], t_epoch bigint[],
  a_first bigint[], a_last bigint[], a_record text[],
  o_tx bigint[], o_resource text[], o_namespace text[], o_name text[], o_expect bigint[],
  o_uid text[], o_labels text[], o_owner_uids text[], o_finalizers text[], o_deleting boolean[], o_body text[],
  out versions bigint[], out fenced bigint[], out newer bigint[], out conflicts text
) language plpgsql as $$
declare
  v_old   bigint;
  v_new   bigint;
  v_floor bigint;
  v_epoch bigint;
begin
  -- Somebody who looks for this batch after a lost connection waits here for us, or gave it up before we came (S3).
  perform 1 from committer c where c.id = p_committer and c.batch = p_batch - 1 for update;
  if not found then
    raise exception 'batch % of committer % is given up', p_batch, p_committer using errcode = 'SK001';
  end if;

  -- S1: from here to COMMIT nobody else gives out versions. Each statement below sees all that was committed before.
  select c.version, c.floor, c.epoch into strict v_old, v_floor, v_epoch from counter c for update;
  if not exists (select from epoch e where e.number = v_epoch and e.timeline = present_timeline()) then
    raise exception 'this server is on another timeline than epoch %', v_epoch using errcode = 'SK002';
  end if;
  if v_old < p_seen then
    raise exception 'the database is at version %, behind % that the writer has seen', v_old, p_seen using errcode = 'SK003';
  end if;

  fenced := '{}';
  if cardinality(t_tx) > 0 then
    -- No lock: whoever takes a lease over holds the counter's lock while doing so.
    select coalesce(array_agg(t.tx), '{}') into fenced
      from unnest(t_tx, t_slot, t_epoch) as t(tx, slot, epoch)
      where not exists (select from lease l where l.slot = t.slot and l.epoch = t.epoch and l.holder <> '');
  end if;

  select coalesce(array_agg(n.version order by n.i), '{}'), coalesce(array_agg(distinct n.tx) filter (where n.is_newer), '{}') into versions, newer from (
    select j.i, j.tx, j.is_newer, case
        when not j.passes then null
        when j.same then j.standing
        else v_old + count(*) filter (where j.passes and not j.same) over (order by j.i)
      end as version
    from (
      select s.i, s.tx, s.standing, s.same, s.is_newer,
        bool_and(s.stands and not s.is_newer) over (partition by s.tx) and not (s.tx = any (fenced)) as passes
      from (
        select o.i, o.tx, coalesce(r.version, 0) as standing, coalesce(r.version, 0) = o.expect as stands, e.same,
          coalesce(r.schema, 0) > p_schema and not e.same as is_newer
        from unnest(o_tx, o_resource, o_namespace, o_name, o_expect, o_uid, o_labels, o_owner_uids, o_finalizers, o_deleting, o_body)
          with ordinality as o(tx, resource, namespace, name, expect, uid, labels, owner_uids, finalizers, deleting, body, i)
        left join resource r on r.resource = o.resource and r.namespace = o.namespace and r.name = o.name
        cross join lateral (select case when o.uid is null or r.uid is null then o.uid is null and r.uid is null
            else o.body = r.body and o.uid = r.uid and o.deleting = r.deleting and o.labels::jsonb = r.labels
              and o.owner_uids::jsonb = r.owner_uids and o.finalizers::jsonb = r.finalizers
          end as same) e
      ) s
    ) j
  ) n;
  v_new := greatest(v_old, (select max(v) from unnest(versions) v));

  if v_new > v_old then
    insert into log (version, resource, namespace, name, uid, labels, owner_uids, finalizers, deleting, body,
        before_version, before_uid, before_labels, before_owner_uids, before_finalizers, before_deleting, before_body)
      select o.version, o.resource, o.namespace, o.name, coalesce(o.uid, r.uid), o.labels::jsonb, o.owner_uids::jsonb, o.finalizers::jsonb,
        o.deleting, o.body, r.version,
        case when r.version <= v_floor then r.uid end, case when r.version <= v_floor then r.labels end,
        case when r.version <= v_floor then r.owner_uids end, case when r.version <= v_floor then r.finalizers end,
        case when r.version <= v_floor then r.deleting end, case when r.version <= v_floor then r.body end
      from unnest(versions, o_resource, o_namespace, o_name, o_uid, o_labels, o_owner_uids, o_finalizers, o_deleting, o_body)
        as o(version, resource, namespace, name, uid, labels, owner_uids, finalizers, deleting, body)
      left join resource r on r.resource = o.resource and r.namespace = o.namespace and r.name = o.name
      where o.version > v_old;

    insert into resource as r (resource, namespace, name, uid, version, labels, owner_uids, finalizers, deleting, body, schema)
      select o.resource, o.namespace, o.name, o.uid, o.version, o.labels::jsonb, o.owner_uids::jsonb, o.finalizers::jsonb, o.deleting, o.body, p_write_schema
      from unnest(versions, o_resource, o_namespace, o_name, o_uid, o_labels, o_owner_uids, o_finalizers, o_deleting, o_body)
        as o(version, resource, namespace, name, uid, labels, owner_uids, finalizers, deleting, body)
      where o.version > v_old and o.uid is not null
      on conflict (resource, namespace, name) do update set uid = excluded.uid, version = excluded.version, labels = excluded.labels,
        owner_uids = excluded.owner_uids, finalizers = excluded.finalizers, deleting = excluded.deleting, body = excluded.body,
        schema = greatest(r.schema, excluded.schema);

    if array_position(o_uid, null) is not null then
      delete from resource r
        using unnest(versions, o_resource, o_namespace, o_name, o_uid) as o(version, resource, namespace, name, uid)
        where o.version > v_old and o.uid is null and r.resource = o.resource and r.namespace = o.namespace and r.name = o.name;
    end if;

    update counter set version = v_new;
  end if;

  if cardinality(a_record) > 0 then
    -- A record of its own (no operations), or that of a write which changed something.
    insert into audit (version, record)
      select m.version, a.record
      from unnest(a_first, a_last, a_record) with ordinality as a(first, last, record, i)
      cross join lateral (select max(v) from unnest(versions[a.first:a.last]) v) as m(version)
      where a.last < a.first or m.version > v_old
      order by a.i;
  end if;

  if array_position(versions, null) is not null then
    select json_agg(json_build_object('tx', f.tx, 'op', f.i, 'current', f.current))::text into conflicts from (
      select distinct on (o.tx) o.tx, o.i, case when r.uid is not null then row_to_json(r) end as current
      from unnest(o_tx, o_resource, o_namespace, o_name, o_expect, versions) with ordinality as o(tx, resource, namespace, name, expect, version, i)
      left join resource r on r.resource = o.resource and r.namespace = o.namespace and r.name = o.name
      where o.version is null and not (o.tx = any (fenced)) and not (o.tx = any (newer)) and coalesce(r.version, 0) <> o.expect
      order by o.tx, o.i
    ) f;
  end if;

  update committer set batch = p_batch, result = versions, at = clock_timestamp() where id = p_committer;
end $$;

-- What programs of the version before call: they know schema 1, and are among the servers that are there. SQLSTATE 22 makes such a
-- program answer 503 to that one write and carry out the rest of the batch.
create or replace function commit_batch(
  p_committer uuid, p_batch bigint,
  t_tx bigint[], t_slot text[], t_epoch bigint[],
  a_first bigint[], a_last bigint[], a_record text[],
  o_tx bigint[], o_resource text[], o_namespace text[], o_name text[], o_expect bigint[],
  o_uid text[], o_labels text[], o_owner_uids text[], o_finalizers text[], o_deleting boolean[], o_body text[],
  out versions bigint[], out fenced bigint[], out conflicts text
) language plpgsql as $$
declare
  v_newer bigint[];
begin
  perform announce(p_committer, 1, 0);
  select b.versions, b.fenced, b.newer, b.conflicts into versions, fenced, v_newer, conflicts
    from commit_batch(p_committer, p_batch, 0, 1, 1, t_tx, t_slot, t_epoch, a_first, a_last, a_record, o_tx, o_resource, o_namespace, o_name,
      o_expect, o_uid, o_labels, o_owner_uids, o_finalizers, o_deleting, o_body) b;
  if cardinality(v_newer) > 0 then
    raise exception 'an object was written by a newer version of the program' using errcode = '22023';
  end if;
end $$;
