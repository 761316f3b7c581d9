//! kube-rs: dynamic objects, server-side apply, pages, a watcher with and without WatchList, a controller through a restart.
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::{Event, Namespace}};
use kube::{
    api::{Api, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    discovery,
    runtime::{controller::Action, finalizer, watcher, Controller, WatchStreamExt},
    Client, Config,
};
use serde_json::{json, Value};
use std::{future::Future, io::BufRead, sync::{atomic::{AtomicU32, Ordering}, Arc, Mutex}, time::{Duration, Instant}};

static FAILED: AtomicU32 = AtomicU32::new(0);

fn that(what: &str, ok: bool, detail: impl std::fmt::Debug) {
    if ok {
        println!("ok   {what}");
    } else {
        FAILED.fetch_add(1, Ordering::SeqCst);
        println!("FAIL {what}: {}", format!("{detail:?}").replace('\n', " "));
    }
}
fn code<T>(result: Result<T, kube::Error>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}
async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
async fn client(context: &str) -> Client {
    let options = KubeConfigOptions { context: Some(context.into()), ..Default::default() };
    Client::try_from(Config::from_custom_kubeconfig(Kubeconfig::read().unwrap(), &options).await.unwrap()).unwrap()
}
fn pool(name: &str, replicas: i64) -> DynamicObject {
    serde_json::from_value(json!({"apiVersion": "skerry.dev/v1alpha1", "kind": "NodePool", "metadata": {"name": name}, "spec": {"cluster": "base", "machineType": "b2.c2r4", "replicas": replicas}})).unwrap()
}
fn replicas(o: &DynamicObject) -> Option<i64> {
    o.data.pointer("/spec/replicas").and_then(Value::as_i64)
}

#[derive(Debug)]
struct Failed(String);
impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Failed {}

#[tokio::main]
async fn main() {
    let ns = std::env::var("NAMESPACE").unwrap();
    let people = client("people").await;
    let gvk = GroupVersionKind::gvk("skerry.dev", "v1alpha1", "NodePool");
    let (resource, found) = discovery::pinned_kind(&people, &gvk).await.unwrap();
    that("discovery of a kind", resource.plural == "nodepools" && found.subresources.iter().any(|(r, _)| r.plural == "scale"), &found);
    let all = discovery::Discovery::new(people.clone()).run_aggregated().await;
    that("aggregated discovery", all.as_ref().is_ok_and(|d| d.has_group("skerry.dev")), all.err());
    that("version", people.apiserver_version().await.is_ok_and(|v| v.major == "1"), "");
    let pools: Api<DynamicObject> = Api::namespaced_with(people.clone(), &ns, &resource);
    let as_site: Api<DynamicObject> = Api::namespaced_with(client("site").await, &ns, &resource);
    let space = Api::<Namespace>::all(people.clone()).get(&ns).await;
    that("typed namespace", space.as_ref().is_ok_and(|s| s.status.as_ref().is_some_and(|s| s.phase.as_deref() == Some("Active"))), &space);

    let made = pools.create(&PostParams::default(), &pool("rust", 2)).await.unwrap();
    that("create, defaults filled in", made.data.pointer("/spec/drainTimeout") == Some(&json!("10m")), &made.data);
    that("create again is 409", code(pools.create(&PostParams::default(), &pool("rust", 2)).await) == 409, "");
    that("what does not fit is 422", code(pools.create(&PostParams::default(), &pool("odd", -1)).await) == 422, "");
    pools.create(&PostParams { dry_run: true, ..Default::default() }, &pool("dry", 1)).await.unwrap();
    that("a dry run leaves nothing", pools.get_opt("dry").await.is_ok_and(|o| o.is_none()), "");
    let applied = pools.patch("applied", &PatchParams::apply("a"), &Patch::Apply(&pool("applied", 1))).await;
    that("server-side apply creates", applied.as_ref().is_ok_and(|o| replicas(o) == Some(1)), &applied);
    that("apply by another is 409", code(pools.patch("applied", &PatchParams::apply("b"), &Patch::Apply(&pool("applied", 2))).await) == 409, "");
    let forced = pools.patch("applied", &PatchParams::apply("b").force(), &Patch::Apply(&pool("applied", 2))).await;
    that("forced", forced.as_ref().is_ok_and(|o| replicas(o) == Some(2)), &forced);
    let merged = pools.patch("rust", &PatchParams::default().validation_strict(), &Patch::Merge(json!({"spec": {"replicas": 3}}))).await;
    that("merge patch, strict", merged.as_ref().is_ok_and(|o| replicas(o) == Some(3)), &merged);
    let mut got = pools.get("rust").await.unwrap();
    got.data["spec"]["replicas"] = json!(4);
    that("replace", pools.replace("rust", &PostParams::default(), &got).await.is_ok_and(|o| replicas(&o) == Some(4)), "");
    that("replace with an old version is 409", code(pools.replace("rust", &PostParams::default(), &got).await) == 409, "");
    let seen = as_site.patch_status("rust", &PatchParams::default(), &Patch::Merge(json!({"status": {"readyReplicas": 2}}))).await;
    that("status", seen.as_ref().is_ok_and(|o| o.data.pointer("/status/readyReplicas") == Some(&json!(2))), &seen);
    let scaled = pools.patch_scale("rust", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 5}}))).await;
    that("scale", scaled.as_ref().is_ok_and(|s| s.spec.as_ref().is_some_and(|s| s.replicas == Some(5))), &scaled);
    that("metadata only", pools.get_metadata("rust").await.is_ok_and(|m| m.metadata.uid == made.metadata.uid), "");

    for i in 0..7 {
        let mut o = pool(&format!("many-{i}"), 0);
        o.metadata.labels = Some([("set".to_string(), "many".to_string())].into());
        pools.create(&PostParams::default(), &o).await.unwrap();
    }
    let mut names = 0;
    let mut params = ListParams::default().labels("set=many").limit(3);
    loop {
        let page = pools.list(&params).await.unwrap();
        names += page.items.len();
        match page.metadata.continue_.filter(|t| !t.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => break,
        }
    }
    that("pages", names == 7, names);
    that("by a field of the kind", pools.list(&ListParams::default().fields("spec.cluster=base,metadata.name=rust")).await.is_ok_and(|l| l.items.len() == 1), "");

    for (what, config) in [("watcher that lists", watcher::Config::default()), ("watcher that streams the list", watcher::Config::default().streaming_lists())] {
        let here = pools.list(&ListParams::default()).await.unwrap().items.len();
        let stream = watcher(pools.clone(), config).applied_objects().take(here).try_collect::<Vec<_>>();
        let came = tokio::time::timeout(Duration::from_secs(20), stream).await;
        that(what, matches!(&came, Ok(Ok(all)) if all.len() == here), came.is_err());
    }

    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let context = Arc::new((pools.clone(), told.clone()));
    let controller = Controller::new_with(pools.clone(), watcher::Config::default().labels("!set"), resource.clone()).run(
        |o: Arc<DynamicObject>, context: Arc<(Api<DynamicObject>, Arc<Mutex<Vec<String>>>)>| async move {
            let told = context.1.clone();
            finalizer(&context.0, "clients.test/rust", o, |event| async move {
                let line = match &event {
                    finalizer::Event::Apply(o) => format!("apply {} {:?}", o.metadata.name.clone().unwrap_or_default(), replicas(o)),
                    finalizer::Event::Cleanup(o) => format!("cleanup {}", o.metadata.name.clone().unwrap_or_default()),
                };
                told.lock().unwrap().push(line);
                Ok::<_, Failed>(Action::await_change())
            }).await.map_err(|e| Failed(e.to_string()))
        },
        |_, _, _| Action::requeue(Duration::from_millis(200)),
        context,
    );
    let running = tokio::spawn(controller.for_each(|_| async {}));
    let has = |line: &'static str| { let told = told.clone(); move || { let told = told.clone(); async move { told.lock().unwrap().iter().any(|l| l == line) } } };
    pools.create(&PostParams::default(), &pool("kept", 1)).await.unwrap();
    that("controller reconciles", until(has("apply kept Some(1)")).await, told.lock().unwrap());
    println!("RESTART");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    that("the server is killed and comes back", line.trim() == "restarted", line);
    let write = || { let pools = pools.clone(); async move { pools.patch("kept", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 6}}))).await.is_ok() } };
    that("write after the restart", until(write).await, "");
    that("controller sees it", until(has("apply kept Some(6)")).await, told.lock().unwrap());
    pools.delete("kept", &DeleteParams::foreground()).await.unwrap();
    that("controller cleans up", until(has("cleanup kept")).await, told.lock().unwrap());
    let gone = || { let pools = pools.clone(); async move { pools.get_opt("kept").await.is_ok_and(|o| o.is_none()) } };
    that("and it is gone", until(gone).await, "");
    running.abort();

    let events: Api<Event> = Api::namespaced(people.clone(), &ns);
    let event = serde_json::from_value(json!({"metadata": {"generateName": "rust-", "namespace": ns}, "type": "Normal", "reason": "Tested", "message": "by Rust", "involvedObject": {"apiVersion": "skerry.dev/v1alpha1", "kind": "NodePool", "name": "rust", "namespace": ns}})).unwrap();
    events.create(&PostParams::default(), &event).await.unwrap();
    that("typed events", events.list(&ListParams::default().fields("reason=Tested")).await.is_ok_and(|l| l.items.iter().any(|e| e.message.as_deref() == Some("by Rust"))), "");
    let leases: Api<Lease> = Api::namespaced(people.clone(), &ns);
    let lease = serde_json::from_value(json!({"metadata": {"name": "rust"}, "spec": {"holderIdentity": "me"}})).unwrap();
    that("typed leases", leases.create(&PostParams::default(), &lease).await.is_ok(), "");
    pools.delete_collection(&DeleteParams::default(), &ListParams::default().labels("set=many")).await.unwrap();
    let none = || { let pools = pools.clone(); async move { pools.list(&ListParams::default().labels("set=many")).await.is_ok_and(|l| l.items.is_empty()) } };
    that("delete a collection", until(none).await, "");
    std::process::exit(if FAILED.load(Ordering::SeqCst) > 0 { 1 } else { 0 });
}
