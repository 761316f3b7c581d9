-- Who takes a slot is told how long the former lease has been over, not only what is left of it: a negative previous_ttl_ms.
-- A take-over locks the counter, so no batch stands between its look at the lease and its commit: whoever holds the new epoch
-- and then reads the counter sees every write that was made under the old one (E1, E3).
create or replace function lease_acquire(p_slot text, p_holder text, p_ttl_ms bigint, out epoch bigint, out taken_by text, out previous_ttl_ms bigint)
language plpgsql as $$
declare
  v lease;
begin
  insert into lease values (p_slot, '', 0, clock_timestamp()) on conflict (slot) do nothing;
  select l.* into strict v from lease l where l.slot = p_slot for update;
  previous_ttl_ms := ceil(extract(epoch from v.until - clock_timestamp()) * 1000);
  if v.holder <> '' and previous_ttl_ms > 0 then
    if v.holder <> p_holder then
      taken_by := v.holder;
      return;
    end if;
    previous_ttl_ms := 0;
    epoch := v.epoch;
  else
    perform 1 from counter for update;
    epoch := v.epoch + 1;
  end if;
  update lease l set holder = p_holder, epoch = lease_acquire.epoch, until = clock_timestamp() + p_ttl_ms * interval '1 ms' where l.slot = p_slot;
end $$;
