"""An operator made with kopf: handlers for creation, change and deletion, a finalizer, a daemon, an index, events."""
import asyncio
import logging
import threading

import kopf
from kubernetes import client, config

from check import NAMESPACE, end, pool, restart, that, until

config.load_kube_config(context="people")
objects = client.CustomObjectsApi()
core = client.CoreV1Api()
POOLS = ("skerry.dev", "v1alpha1", NAMESPACE, "nodepools")
told = []


@kopf.on.startup()
def configure(settings, **_):
    # Status is the site's to write here: what kopf remembers goes into annotations.
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="clients.test")
    settings.persistence.finalizer = "clients.test/kopf"
    settings.posting.level = logging.INFO
    settings.watching.server_timeout = 20


@kopf.on.login()
def login(**kwargs):
    return kopf.login_with_kubeconfig(**kwargs)


@kopf.index("skerry.dev", "v1alpha1", "nodepools")
def by_cluster(name, spec, **_):
    return {spec["cluster"]: name}


@kopf.on.create("skerry.dev", "v1alpha1", "nodepools")
def created(name, spec, by_cluster, body, **_):
    told.append(f"created {name} {spec['replicas']}")
    told.append(f"index {name in by_cluster[spec['cluster']]}")
    kopf.info(body, reason="Made", message=f"{name} was made")


@kopf.on.update("skerry.dev", "v1alpha1", "nodepools", field="spec.replicas")
def scaled(name, old, new, **_):
    told.append(f"scaled {name} {old}->{new}")


@kopf.on.delete("skerry.dev", "v1alpha1", "nodepools")
def deleted(name, **_):
    told.append(f"deleted {name}")


@kopf.daemon("skerry.dev", "v1alpha1", "nodepools", cancellation_timeout=1.0)
async def beside(stopped, name, **_):
    told.append(f"daemon {name}")
    while not stopped:
        await asyncio.sleep(0.1)


def operate():
    asyncio.run(kopf.operator(namespaces=[NAMESPACE], standalone=True, liveness_endpoint=None, ready_flag=ready, stop_flag=stop))


ready, stop = threading.Event(), threading.Event()
thread = threading.Thread(target=operate, daemon=True)
thread.start()
that("the operator starts", ready.wait(20))
objects.create_namespaced_custom_object(*POOLS, pool("kopf", 2))
that("creation is handled", until(lambda: "created kopf 2" in told), told)
that("a daemon runs", until(lambda: "daemon kopf" in told), told)
that("an index knows it", until(lambda: "index True" in told), told)
that("a finalizer is kept", until(lambda: "clients.test/kopf" in objects.get_namespaced_custom_object(*POOLS, "kopf")["metadata"]["finalizers"]))
objects.patch_namespaced_custom_object(*POOLS, "kopf", {"spec": {"replicas": 3}})
that("a change of a field is handled", until(lambda: "scaled kopf 2->3" in told), told)
that("an event is posted", until(lambda: any(e.reason == "Made" for e in core.list_namespaced_event(NAMESPACE).items)))
that("the server is killed and comes back", restart())
that("write after the restart", until(lambda: objects.patch_namespaced_custom_object(*POOLS, "kopf", {"spec": {"replicas": 4}})["spec"]["replicas"] == 4))
that("it is handled after that", until(lambda: "scaled kopf 3->4" in told, 40), told)
objects.delete_namespaced_custom_object(*POOLS, "kopf")
that("deletion is handled", until(lambda: "deleted kopf" in told), told)
that("and it is gone", until(lambda: all(o["metadata"]["name"] != "kopf" for o in objects.list_namespaced_custom_object(*POOLS)["items"])))
that("creation was handled once", told.count("created kopf 2") == 1, told)
stop.set()
thread.join(20)
that("the operator stops", not thread.is_alive())
end()
