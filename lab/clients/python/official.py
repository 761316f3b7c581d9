"""The official Python client: typed and dynamic, watches, apply, pages, leader election."""
import threading
import time

from kubernetes import client, config, dynamic, utils, watch

from check import NAMESPACE, end, pool, refused, restart, that, until

config.load_kube_config(context="people")
api = client.ApiClient()
site = config.new_client_from_config(context="site")
core = client.CoreV1Api(api)
objects = client.CustomObjectsApi(api)
site_objects = client.CustomObjectsApi(site)
POOLS = ("skerry.dev", "v1alpha1", NAMESPACE, "nodepools")

that("version", client.VersionApi(api).get_code().git_version.startswith("v1."))
that("groups", any(g.name == "skerry.dev" for g in client.ApisApi(api).get_api_versions().groups))
that("resources", any(r.name == "nodepools/scale" for r in objects.get_api_resources("skerry.dev", "v1alpha1").resources))
dyn = dynamic.DynamicClient(api)
pools = dyn.resources.get(api_version="skerry.dev/v1alpha1", kind="NodePool")
that("dynamic discovery", pools.namespaced and pools.name == "nodepools" and "status" in pools.subresources, pools)
that("typed namespace", core.read_namespace(NAMESPACE).status.phase == "Active")
that("typed namespaces, by label", len(core.list_namespace(label_selector=f"kubernetes.io/metadata.name={NAMESPACE}").items) == 1)
review = client.AuthorizationV1Api(api).create_self_subject_access_review({"spec": {"resourceAttributes": {"group": "skerry.dev", "resource": "nodepools", "verb": "create", "namespace": NAMESPACE}}})
that("may I", review.status.allowed, review)
that("who am I", client.AuthenticationV1Api(api).create_self_subject_review({}).status.user_info.username != "")

made = objects.create_namespaced_custom_object(*POOLS, pool("py", 2))
that("create, defaults filled in", made["spec"]["drainTimeout"] == "10m" and made["metadata"]["generation"] == 1, made)
refused("create again", 409, lambda: objects.create_namespaced_custom_object(*POOLS, pool("py")))
refused("strict field validation", 400, lambda: objects.create_namespaced_custom_object(*POOLS, pool("odd", bogus=1), field_validation="Strict"))
error = refused("what does not fit", 422, lambda: objects.create_namespaced_custom_object(*POOLS, pool("odd", -1)))
that("the error is a Status with the field", error is not None and '"field":"spec.replicas"' in error.body.replace(" ", ""), error and error.body)
objects.create_namespaced_custom_object(*POOLS, pool("dry"), dry_run="All")
refused("a dry run leaves nothing", 404, lambda: objects.get_namespaced_custom_object(*POOLS, "dry"))
utils.create_from_dict(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{NAMESPACE}-more"}})
that("create_from_dict of a namespace", core.read_namespace(f"{NAMESPACE}-more").metadata.name == f"{NAMESPACE}-more")
core.delete_namespace(f"{NAMESPACE}-more")
that("delete of a namespace", until(lambda: all(n.metadata.name != f"{NAMESPACE}-more" for n in core.list_namespace().items)))

applied = dyn.server_side_apply(pools, body=pool("applied"), name="applied", namespace=NAMESPACE, field_manager="a")
that("server-side apply", applied.spec.replicas == 1, applied)
refused("apply by another", 409, lambda: dyn.server_side_apply(pools, body=pool("applied", 2), name="applied", namespace=NAMESPACE, field_manager="b"))
applied = dyn.server_side_apply(pools, body=pool("applied", 2), name="applied", namespace=NAMESPACE, field_manager="b", force_conflicts=True)
that("forced", applied.spec.replicas == 2, applied)
merged = dyn.patch(pools, body={"spec": {"labels": {"a": "1"}}}, name="py", namespace=NAMESPACE, content_type="application/merge-patch+json")
that("merge patch", merged.spec.labels.a == "1", merged)
jsoned = dyn.patch(pools, body=[{"op": "replace", "path": "/spec/labels/a", "value": "2"}], name="py", namespace=NAMESPACE, content_type="application/json-patch+json")
that("JSON patch", jsoned.spec.labels.a == "2", jsoned)
got = objects.get_namespaced_custom_object(*POOLS, "py")
got["spec"]["replicas"] = 4
that("replace", objects.replace_namespaced_custom_object(*POOLS, "py", got)["spec"]["replicas"] == 4)
refused("replace with an old version", 409, lambda: objects.replace_namespaced_custom_object(*POOLS, "py", got))
that("status", site_objects.patch_namespaced_custom_object_status(*POOLS, "py", {"status": {"readyReplicas": 4}})["status"]["readyReplicas"] == 4)
that("scale, read", objects.get_namespaced_custom_object_scale(*POOLS, "py")["spec"]["replicas"] == 4)
that("scale, written", objects.patch_namespaced_custom_object_scale(*POOLS, "py", {"spec": {"replicas": 6}})["spec"]["replicas"] == 6)

for i in range(12):
    body = pool(f"many-{i:02}", 0)
    body["metadata"]["labels"] = {"set": "many"}
    objects.create_namespaced_custom_object(*POOLS, body)
names, token = [], None
while token != "":
    page = objects.list_namespaced_custom_object(*POOLS, label_selector="set=many", limit=5, **({"_continue": token} if token else {}))
    names += [o["metadata"]["name"] for o in page["items"]]
    token = page["metadata"].get("continue", "")
that("pages", names == sorted(names) and len(names) == 12, names)
version = page["metadata"]["resourceVersion"]
newer = objects.list_namespaced_custom_object(*POOLS, resource_version=version, resource_version_match="NotOlderThan", label_selector="set=many")
that("list not older than a version", len(newer["items"]) == 12)
that("by a field of the kind", len(objects.list_namespaced_custom_object(*POOLS, field_selector="spec.cluster=base,metadata.name=py")["items"]) == 1)
refused("an unknown field selector", 400, lambda: objects.list_namespaced_custom_object(*POOLS, field_selector="spec.bogus=1"))

seen = []


def follow():
    for event in watch.Watch().stream(objects.list_namespaced_custom_object, *POOLS, resource_version=version, timeout_seconds=60):
        if event["object"]["metadata"].get("name", "").startswith("watched"):
            seen.append(f'{event["type"]} {event["object"]["metadata"]["name"]}')


threading.Thread(target=follow, daemon=True).start()
objects.create_namespaced_custom_object(*POOLS, pool("watched", 1))
objects.patch_namespaced_custom_object(*POOLS, "watched", {"spec": {"replicas": 2}})
objects.delete_namespaced_custom_object(*POOLS, "watched")
that("watch from a version", until(lambda: seen[:1] == ["ADDED watched"] and seen[-1:] == ["DELETED watched"]), seen)
began = time.monotonic()
list(watch.Watch().stream(objects.list_namespaced_custom_object, *POOLS, resource_version=version, field_selector="metadata.name=nobody", timeout_seconds=1))
that("a watch ends in time", 0.5 < time.monotonic() - began < 5, time.monotonic() - began)
that("the server is killed and comes back", restart())
that("write after the restart", until(lambda: objects.create_namespaced_custom_object(*POOLS, pool("after"))["metadata"]["name"] == "after"))

event = client.CoreV1Event(metadata=client.V1ObjectMeta(generate_name="py-", namespace=NAMESPACE), type="Normal", reason="Tested", message="by Python",
                           involved_object=client.V1ObjectReference(api_version="skerry.dev/v1alpha1", kind="NodePool", name="py", namespace=NAMESPACE))
core.create_namespaced_event(NAMESPACE, event)
that("typed events", any(e.message == "by Python" for e in core.list_namespaced_event(NAMESPACE, field_selector="involvedObject.name=py").items))
leases = client.CoordinationV1Api(api)
leases.create_namespaced_lease(NAMESPACE, {"metadata": {"name": "py"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 5}})
that("typed leases", leases.read_namespaced_lease("py", NAMESPACE).spec.holder_identity == "me")

objects.delete_collection_namespaced_custom_object(*POOLS, label_selector="set=many")
that("delete a collection", until(lambda: objects.list_namespaced_custom_object(*POOLS, label_selector="set=many")["items"] == []))
refused("delete of another uid", 409, lambda: objects.delete_namespaced_custom_object(*POOLS, "py", body=client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="other"))))
objects.delete_namespaced_custom_object(*POOLS, "py", body=client.V1DeleteOptions(propagation_policy="Foreground"))
that("delete in the foreground", until(lambda: all(o["metadata"]["name"] != "py" for o in objects.list_namespaced_custom_object(*POOLS)["items"])))
end()
