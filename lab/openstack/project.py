# project.py NAME ensure|hold|clear [QUOTAS]: an OpenStack project with one user of the same name (password labpw), for a test of its own.
#   ensure: makes it, sets quotas {"compute": {}, "volume": {}, "network": {}, "load_balancer": {}}; hold: prints what is in it, by
#   type, as JSON; clear: deletes whatever is in it and the project, prints what could not be deleted
import json, sys, time, openstack
name, verb = sys.argv[1:3]; quotas = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
adm = openstack.connect(cloud='lab-admin'); i = adm.identity
def project():
    p = i.find_project(name) or i.create_project(name=name, domain_id='default')
    u = i.find_user(name) or i.create_user(name=name, domain_id='default', password='labpw', default_project_id=p.id)
    for r in ('member', 'load-balancer_member'): i.assign_project_role_to_user(p.id, u.id, i.find_role(r).id)
    if 'compute' in quotas: adm.compute.put(f'/os-quota-sets/{p.id}', json={'quota_set': quotas['compute']}).raise_for_status()
    if 'volume' in quotas: adm.block_storage.put(f'/os-quota-sets/{p.id}', json={'quota_set': quotas['volume']}).raise_for_status()
    if 'network' in quotas: adm.network.update_quota(p.id, **quotas['network'])
    if 'load_balancer' in quotas: adm.load_balancer.put(f'/lbaas/quotas/{p.id}', json={'quota': quotas['load_balancer']}).raise_for_status()
    return p
p = project()
a = dict(adm.config.config['auth']); a.update(username=name, password='labpw', project_name=name)
c = openstack.connect(auth=a, region_name='RegionOne', identity_api_version='3'); n = c.network
def of(items): return [x for x in items if (x.project_id or p.id) == p.id]
def hold():
    return {k: v for k, v in {
        'server': [s.name for s in c.compute.servers()], 'server group': [g.name for g in c.compute.server_groups()],
        'load balancer': [b.name for b in c.load_balancer.load_balancers()], 'floating ip': [f.floating_ip_address for f in of(n.ips(project_id=p.id))],
        'port': [f'{x.name or x.id} ({x.device_owner})' for x in of(n.ports(project_id=p.id)) if x.device_owner != 'network:distributed'],
        'router': [x.name for x in of(n.routers(project_id=p.id))], 'network': [x.name for x in of(n.networks(project_id=p.id))],
        'security group': [g.name for g in of(n.security_groups(project_id=p.id)) if g.name != 'default'],
        'volume': [v.name for v in c.block_storage.volumes()]}.items() if v}
def until(f):
    for _ in range(120):
        if f(): return
        time.sleep(1)
def clear():
    for f in n.ips(project_id=p.id): n.delete_ip(f)
    for b in c.load_balancer.load_balancers(): c.load_balancer.delete_load_balancer(b.id, cascade=True)
    for s in c.compute.servers(): c.compute.delete_server(s.id)
    until(lambda: not list(c.compute.servers()) and not list(c.load_balancer.load_balancers()))
    for g in c.compute.server_groups(): c.compute.delete_server_group(g.id)
    for r in n.routers(project_id=p.id):
        for x in n.ports(device_id=r.id):
            if x.device_owner == 'network:router_interface': n.remove_interface_from_router(r, port_id=x.id)
        n.delete_router(r.id)
    for x in n.ports(project_id=p.id):
        if x.device_owner != 'network:distributed': n.delete_port(x.id, ignore_missing=True)
    for x in n.networks(project_id=p.id): n.delete_network(x.id)
    for g in n.security_groups(project_id=p.id):
        if g.name != 'default': n.delete_security_group(g.id)
    for v in c.block_storage.volumes(): c.block_storage.delete_volume(v.id)
    until(lambda: not hold())
    left = hold()
    if not left: i.delete_user(name_id()); i.delete_project(p.id)
    return left
def name_id(): return i.find_user(name).id
print(json.dumps({'ensure': lambda: None, 'hold': hold, 'clear': clear}[verb]()))
