// fabric8: generic resources, server-side apply, patches, status, scale, pages, watch, informer through a restart, leader election.
import io.fabric8.kubernetes.api.model.*;
import io.fabric8.kubernetes.client.*;
import io.fabric8.kubernetes.client.dsl.*;
import io.fabric8.kubernetes.client.dsl.base.*;
import io.fabric8.kubernetes.client.extended.leaderelection.*;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import io.fabric8.kubernetes.client.informers.*;
import java.io.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.function.*;

public class Client {
  static final String NS = System.getenv("NAMESPACE");
  static final ResourceDefinitionContext POOLS = new ResourceDefinitionContext.Builder().withGroup("skerry.dev").withVersion("v1alpha1").withKind("NodePool").withPlural("nodepools").withNamespaced(true).build();
  static int failed = 0;

  static void that(String what, boolean ok, Object detail) {
    if (ok) System.out.println("ok   " + what);
    else { failed++; System.out.println("FAIL " + what + ": " + String.valueOf(detail).replace('\n', ' ')); }
  }
  static void refused(String what, int code, Supplier<Object> call) {
    try { that(what, false, "it was not refused: " + call.get()); } catch (KubernetesClientException e) { that(what, e.getCode() == code, e.getCode() + " " + e.getMessage()); }
  }
  static boolean until(BooleanSupplier holds) throws InterruptedException {
    for (long end = System.nanoTime() + 20_000_000_000L; System.nanoTime() < end; Thread.sleep(50)) {
      try { if (holds.getAsBoolean()) return true; } catch (KubernetesClientException e) { /* it is away */ }
    }
    return false;
  }
  static GenericKubernetesResource pool(String name, int replicas) {
    GenericKubernetesResource o = new GenericKubernetesResource();
    o.setApiVersion("skerry.dev/v1alpha1");
    o.setKind("NodePool");
    o.setMetadata(new ObjectMetaBuilder().withName(name).withNamespace(NS).build());
    o.setAdditionalProperties(new HashMap<>(Map.of("spec", new HashMap<>(Map.of("cluster", "base", "machineType", "b2.c2r4", "replicas", replicas)))));
    return o;
  }
  static Object at(GenericKubernetesResource o, Object... path) { return o.get(path); }

  static KubernetesClient as(String context) throws IOException {
    return new KubernetesClientBuilder().withConfig(io.fabric8.kubernetes.client.Config.fromKubeconfig(context, new File(System.getenv("KUBECONFIG")))).build();
  }

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    try (KubernetesClient client = as("people"); KubernetesClient site = as("site")) {
      NonNamespaceOperation<GenericKubernetesResource, GenericKubernetesResourceList, Resource<GenericKubernetesResource>> pools = client.genericKubernetesResources(POOLS).inNamespace(NS);
      that("version", client.getKubernetesVersion().getMajor().equals("1"), client.getKubernetesVersion());
      that("does it support our kind", client.supports("skerry.dev/v1alpha1", "NodePool"), "");
      that("typed namespace", "Active".equals(client.namespaces().withName(NS).get().getStatus().getPhase()), "");

      GenericKubernetesResource made = client.resource(pool("fabric8", 2)).create();
      that("create, defaults filled in", "10m".equals(at(made, "spec", "drainTimeout")), made);
      refused("create again is 409", 409, () -> client.resource(pool("fabric8", 2)).create());
      refused("what does not fit is 422", 422, () -> client.resource(pool("odd", -1)).create());
      refused("strict field validation is 400", 400, () -> {
        GenericKubernetesResource odd = pool("odd", 1);
        ((Map<String, Object>) odd.getAdditionalProperties().get("spec")).put("bogus", 1);
        return client.resource(odd).fieldValidation(FieldValidateable.Validation.STRICT).create();
      });
      client.resource(pool("dry", 1)).dryRun().create();
      that("a dry run leaves nothing", pools.withName("dry").get() == null, "");

      GenericKubernetesResource applied = client.resource(pool("applied", 1)).fieldManager("a").serverSideApply();
      that("server-side apply creates", Integer.valueOf(1).equals(at(applied, "spec", "replicas")), applied);
      refused("apply by another is 409", 409, () -> client.resource(pool("applied", 2)).fieldManager("b").serverSideApply());
      applied = client.resource(pool("applied", 2)).fieldManager("b").forceConflicts().serverSideApply();
      that("forced", Integer.valueOf(2).equals(at(applied, "spec", "replicas")), applied);

      GenericKubernetesResource edited = pools.withName("fabric8").edit(o -> {
        ((Map<String, Object>) o.getAdditionalProperties().get("spec")).put("replicas", 3);
        return o;
      });
      that("edit", Integer.valueOf(3).equals(at(edited, "spec", "replicas")), edited);
      GenericKubernetesResource patched = pools.withName("fabric8").patch(PatchContext.of(PatchType.JSON_MERGE), "{\"spec\":{\"replicas\":4}}");
      that("merge patch", Integer.valueOf(4).equals(at(patched, "spec", "replicas")), patched);
      that("scale, read", pools.withName("fabric8").scale().getSpec().getReplicas() == 4, "");
      that("scale, written", pools.withName("fabric8").scale(new io.fabric8.kubernetes.api.model.autoscaling.v1.ScaleBuilder().withNewMetadata().withName("fabric8").withNamespace(NS).endMetadata().withNewSpec().withReplicas(5).endSpec().build()).getSpec().getReplicas() == 5, "");
      GenericKubernetesResource seen = site.genericKubernetesResources(POOLS).inNamespace(NS).withName("fabric8").subresource("status").patch(PatchContext.of(PatchType.JSON_MERGE), "{\"status\":{\"readyReplicas\":2}}");
      that("status", Integer.valueOf(2).equals(at(seen, "status", "readyReplicas")), seen);

      for (int i = 0; i < 7; i++) {
        GenericKubernetesResource o = pool("many-" + i, 0);
        o.getMetadata().setLabels(Map.of("set", "many"));
        client.resource(o).create();
      }
      List<String> names = new ArrayList<>();
      String token = null;
      do {
        GenericKubernetesResourceList page = pools.withLabel("set", "many").list(new ListOptionsBuilder().withLimit(3L).withContinue(token).build());
        page.getItems().forEach(o -> names.add(o.getMetadata().getName()));
        token = page.getMetadata().getContinue();
      } while (token != null && !token.isEmpty());
      that("pages", names.size() == 7, names);
      that("by a field of the kind", pools.withField("spec.cluster", "base").withLabelIn("set", "many", "few").list().getItems().size() == 7, "");

      List<String> told = Collections.synchronizedList(new ArrayList<>());
      try (Watch w = pools.withName("watched").watch(new Watcher<GenericKubernetesResource>() {
        public void eventReceived(Action action, GenericKubernetesResource o) { told.add("watch " + action); }
        public void onClose(WatcherException e) { }
      })) {
        client.resource(pool("watched", 1)).create();
        that("watch of one object", until(() -> told.contains("watch ADDED")), told);
      }
      SharedIndexInformer<GenericKubernetesResource> informer = pools.inform(new ResourceEventHandler<>() {
        public void onAdd(GenericKubernetesResource o) { told.add("add " + o.getMetadata().getName()); }
        public void onUpdate(GenericKubernetesResource was, GenericKubernetesResource o) { told.add("update " + o.getMetadata().getName()); }
        public void onDelete(GenericKubernetesResource o, boolean unknown) { told.add("delete " + o.getMetadata().getName()); }
      });
      that("informer syncs", informer.hasSynced() && informer.getStore().list().size() == pools.list().getItems().size(), informer.getStore().list().size());
      client.resource(pool("informed", 1)).create();
      that("informer sees a creation", until(() -> told.contains("add informed")), told);
      System.out.println("RESTART");
      that("the server is killed and comes back", "restarted".equals(in.readLine()), "");
      that("write after the restart", until(() -> client.resource(pool("after", 1)).createOr(NonDeletingOperation::update) != null), "");
      that("informer sees it", until(() -> told.contains("add after")), told);
      that("wait until a condition holds", pools.withName("after").waitUntilCondition(o -> o != null, 5, TimeUnit.SECONDS) != null, "");
      pools.withName("informed").delete();
      that("informer sees a deletion", until(() -> told.contains("delete informed")), told);
      informer.stop();

      client.v1().events().inNamespace(NS).resource(new EventBuilder().withNewMetadata().withGenerateName("fabric8-").withNamespace(NS).endMetadata().withType("Normal").withReason("Tested").withMessage("by fabric8")
        .withNewInvolvedObject().withApiVersion("skerry.dev/v1alpha1").withKind("NodePool").withName("fabric8").withNamespace(NS).endInvolvedObject().build()).create();
      that("typed events", client.v1().events().inNamespace(NS).withField("reason", "Tested").list().getItems().stream().anyMatch(e -> "by fabric8".equals(e.getMessage())), "");

      AtomicBoolean led = new AtomicBoolean();
      CompletableFuture<?> election = client.leaderElector().withConfig(new LeaderElectionConfigBuilder().withName("fabric8").withLock(new LeaseLock(NS, "fabric8", "me")).withLeaseDuration(Duration.ofSeconds(3)).withRenewDeadline(Duration.ofSeconds(2)).withRetryPeriod(Duration.ofMillis(200)).withReleaseOnCancel(true)
        .withLeaderCallbacks(new LeaderCallbacks(() -> led.set(true), () -> { }, who -> { })).build()).build().start();
      that("leader election", until(led::get), "");
      election.cancel(true);

      pools.withLabel("set", "many").delete();
      that("delete by label", until(() -> pools.withLabel("set", "many").list().getItems().isEmpty()), "");
      pools.withName("fabric8").withPropagationPolicy(DeletionPropagation.FOREGROUND).delete();
      that("delete in the foreground", until(() -> pools.withName("fabric8").get() == null), "");
    }
    System.exit(failed > 0 ? 1 : 0);
  }
}
