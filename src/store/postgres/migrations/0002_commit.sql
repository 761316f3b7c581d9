-- Group commit (S2): one call carries out up to 256 writes, each whole or not at all, in one transaction.
--
-- Arrays are parallel. t_*: one entry a transaction that has a fence; a_*: one a transaction that has an audit record, with the range
-- of its operations; o_*: one an operation, grouped by transaction. o_expect 0: must be absent. o_uid null: remove.
-- versions[i]: the version of operation i; what stands there already when it changes nothing (S8; 0: nothing stands there);
-- null: its transaction was refused. fenced: the transactions whose lease is lost. conflicts: for each other refused transaction,
-- the first operation whose comparison failed and the row that stands there.
create function commit_batch(
  p_committer uuid, p_batch bigint,
  t_tx bigint[], t_slot text[], t_epoch bigint[],
  a_first bigint[], a_last bigint[], a_record text[],
  o_tx bigint[], o_resource text[], o_namespace text[], o_name text[], o_expect bigint[],
  o_uid text[], o_labels text[], o_owner_uids text[], o_finalizers text[], o_deleting boolean[], o_body text[],
  out versions bigint[], out fenced bigint[], out conflicts text
) language plpgsql as $$
declare
  v_old   bigint;
  v_new   bigint;
  v_floor bigint;
begin
  -- Somebody who looks for this batch after a lost connection waits here for us, or gave it up before we came (S3).
  perform 1 from committer c where c.id = p_committer and c.batch = p_batch - 1 for update;
  if not found then
    raise exception 'batch % of committer % is given up', p_batch, p_committer using errcode = 'SK001';
  end if;

  -- S1: from here to COMMIT nobody else gives out versions. Each statement below sees all that was committed before.
  select c.version, c.floor into strict v_old, v_floor from counter c for update;

  fenced := '{}';
  if cardinality(t_tx) > 0 then
    -- No lock: whoever takes a lease over holds the counter's lock while doing so.
    select coalesce(array_agg(t.tx), '{}') into fenced
      from unnest(t_tx, t_slot, t_epoch) as t(tx, slot, epoch)
      where not exists (select from lease l where l.slot = t.slot and l.epoch = t.epoch and l.holder <> '');
  end if;

  select coalesce(array_agg(n.version order by n.i), '{}') into versions from (
    select j.i, case
        when not j.passes then null
        when j.same then j.standing
        else v_old + count(*) filter (where j.passes and not j.same) over (order by j.i)
      end as version
    from (
      select s.i, s.standing, s.same, bool_and(s.stands) over (partition by s.tx) and not (s.tx = any (fenced)) as passes
      from (
        select o.i, o.tx, coalesce(r.version, 0) as standing, coalesce(r.version, 0) = o.expect as stands,
          case when o.uid is null or r.uid is null then o.uid is null and r.uid is null
            else o.body = r.body and o.uid = r.uid and o.deleting = r.deleting and o.labels::jsonb = r.labels
              and o.owner_uids::jsonb = r.owner_uids and o.finalizers::jsonb = r.finalizers
          end as same
        from unnest(o_tx, o_resource, o_namespace, o_name, o_expect, o_uid, o_labels, o_owner_uids, o_finalizers, o_deleting, o_body)
          with ordinality as o(tx, resource, namespace, name, expect, uid, labels, owner_uids, finalizers, deleting, body, i)
        left join resource r on r.resource = o.resource and r.namespace = o.namespace and r.name = o.name
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

    insert into resource as r (resource, namespace, name, uid, version, labels, owner_uids, finalizers, deleting, body)
      select o.resource, o.namespace, o.name, o.uid, o.version, o.labels::jsonb, o.owner_uids::jsonb, o.finalizers::jsonb, o.deleting, o.body
      from unnest(versions, o_resource, o_namespace, o_name, o_uid, o_labels, o_owner_uids, o_finalizers, o_deleting, o_body)
        as o(version, resource, namespace, name, uid, labels, owner_uids, finalizers, deleting, body)
      where o.version > v_old and o.uid is not null
      on conflict (resource, namespace, name) do update set uid = excluded.uid, version = excluded.version, labels = excluded.labels,
        owner_uids = excluded.owner_uids, finalizers = excluded.finalizers, deleting = excluded.deleting, body = excluded.body;

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
      where o.version is null and not (o.tx = any (fenced)) and coalesce(r.version, 0) <> o.expect
      order by o.tx, o.i
    ) f;
  end if;

  update committer set batch = p_batch, result = versions, at = clock_timestamp() where id = p_committer;
end $$;

-- Asked after a lost connection (S3): was the batch carried out? Waits for it when it is being committed; when it was not carried out,
-- makes sure that it never will be, even if the old connection's backend still reads it from its socket.
create function settle_batch(p_committer uuid, p_batch bigint, out committed boolean, out versions bigint[]) language plpgsql as $$
begin
  update committer set batch = p_batch, result = null, at = clock_timestamp() where id = p_committer and batch < p_batch;
  if found then
    committed := false;
  else
    select c.result is not null, c.result into strict committed, versions from committer c where c.id = p_committer and c.batch = p_batch;
  end if;
end $$;
