// The official Java client: dynamic objects, server-side apply, pages, watch, informer through a restart.
import io.kubernetes.client.custom.V1Patch;
import io.kubernetes.client.informer.*;
import io.kubernetes.client.openapi.*;
import io.kubernetes.client.openapi.apis.*;
import io.kubernetes.client.openapi.models.*;
import io.kubernetes.client.util.*;
import io.kubernetes.client.util.generic.*;
import io.kubernetes.client.util.generic.dynamic.*;
import io.kubernetes.client.util.generic.options.*;
import com.google.gson.*;
import java.io.*;
import java.util.*;
import java.util.function.*;

public class Client {
  static final String NS = System.getenv("NAMESPACE");
  static int failed = 0;

  static void that(String what, boolean ok, Object detail) {
    if (ok) System.out.println("ok   " + what);
    else { failed++; System.out.println("FAIL " + what + ": " + String.valueOf(detail).replace('\n', ' ')); }
  }
  static boolean until(BooleanSupplier holds) throws InterruptedException {
    for (long end = System.nanoTime() + 20_000_000_000L; System.nanoTime() < end; Thread.sleep(50)) if (holds.getAsBoolean()) return true;
    return false;
  }
  static DynamicKubernetesObject pool(String name, int replicas) {
    return new DynamicKubernetesObject(JsonParser.parseString("{\"apiVersion\":\"skerry.dev/v1alpha1\",\"kind\":\"NodePool\",\"metadata\":{\"name\":\"" + name + "\",\"namespace\":\"" + NS + "\"},\"spec\":{\"cluster\":\"base\",\"machineType\":\"b2.c2r4\",\"replicas\":" + replicas + "}}").getAsJsonObject());
  }
  static int replicas(KubernetesApiResponse<DynamicKubernetesObject> r) { return r.isSuccess() ? r.getObject().getRaw().getAsJsonObject("spec").get("replicas").getAsInt() : -1; }
  static ApiClient as(String context) throws IOException {
    KubeConfig config = KubeConfig.loadKubeConfig(new FileReader(System.getenv("KUBECONFIG")));
    config.setContext(context);
    return ClientBuilder.kubeconfig(config).build().setReadTimeout(0);
  }
  static PatchOptions by(String manager, boolean force) {
    PatchOptions o = new PatchOptions();
    o.setFieldManager(manager);
    o.setForce(force);
    return o;
  }

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    ApiClient people = as("people");
    DynamicKubernetesApi pools = new DynamicKubernetesApi("skerry.dev", "v1alpha1", "nodepools", people);
    that("version", new VersionApi(people).getCode().execute().getMajor().equals("1"), "");
    that("typed namespace", "Active".equals(new CoreV1Api(people).readNamespace(NS).execute().getStatus().getPhase()), "");
    Set<io.kubernetes.client.Discovery.APIResource> all = new io.kubernetes.client.Discovery(people).findAll();
    that("discovery", all.stream().anyMatch(r -> r.getKind().equals("NodePool") && r.getNamespaced()), all);

    KubernetesApiResponse<DynamicKubernetesObject> made = pools.create(pool("java", 2));
    that("create, defaults filled in", made.isSuccess() && made.getObject().getRaw().getAsJsonObject("spec").get("drainTimeout").getAsString().equals("10m"), made.getStatus());
    that("create again is 409", pools.create(pool("java", 2)).getHttpStatusCode() == 409, "");
    KubernetesApiResponse<DynamicKubernetesObject> bad = pools.create(pool("odd", -1));
    that("what does not fit is 422, with its field", bad.getHttpStatusCode() == 422 && bad.getStatus().getDetails().getCauses().get(0).getField().equals("spec.replicas"), bad.getStatus());
    String body = new Gson().toJson(pool("applied", 1).getRaw());
    KubernetesApiResponse<DynamicKubernetesObject> applied = pools.patch(NS, "applied", V1Patch.PATCH_FORMAT_APPLY_YAML, new V1Patch(body), by("a", false));
    that("server-side apply creates", replicas(applied) == 1, applied.getStatus());
    String more = new Gson().toJson(pool("applied", 2).getRaw());
    that("apply by another is 409", pools.patch(NS, "applied", V1Patch.PATCH_FORMAT_APPLY_YAML, new V1Patch(more), by("b", false)).getHttpStatusCode() == 409, "");
    that("forced", replicas(pools.patch(NS, "applied", V1Patch.PATCH_FORMAT_APPLY_YAML, new V1Patch(more), by("b", true))) == 2, "");
    that("merge patch", replicas(pools.patch(NS, "java", V1Patch.PATCH_FORMAT_JSON_MERGE_PATCH, new V1Patch("{\"spec\":{\"replicas\":3}}"))) == 3, "");
    that("JSON patch", replicas(pools.patch(NS, "java", V1Patch.PATCH_FORMAT_JSON_PATCH, new V1Patch("[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":4}]"))) == 4, "");
    DynamicKubernetesObject got = pools.get(NS, "java").getObject();
    got.getRaw().getAsJsonObject("spec").addProperty("replicas", 5);
    that("update", replicas(pools.update(got)) == 5, "");
    that("update with an old version is 409", pools.update(got).getHttpStatusCode() == 409, "");
    JsonObject stands = pools.get(NS, "java").getObject().getRaw();
    stands.add("status", JsonParser.parseString("{\"readyReplicas\":2}"));
    Object seen = new CustomObjectsApi(as("site")).replaceNamespacedCustomObjectStatus("skerry.dev", "v1alpha1", NS, "nodepools", "java", stands).execute();
    that("status", new Gson().toJson(seen).contains("\"readyReplicas\":2"), seen);

    for (int i = 0; i < 7; i++) {
      DynamicKubernetesObject o = pool("many-" + i, 0);
      o.setMetadata(o.getMetadata().putLabelsItem("set", "many"));
      pools.create(o);
    }
    List<String> names = new ArrayList<>();
    String token = null;
    do {
      ListOptions o = new ListOptions();
      o.setLabelSelector("set=many");
      o.setLimit(3);
      o.setContinue(token);
      DynamicKubernetesListObject page = pools.list(NS, o).getObject();
      page.getItems().forEach(x -> names.add(x.getMetadata().getName()));
      token = page.getMetadata().getContinue();
    } while (token != null && !token.isEmpty());
    that("pages", names.size() == 7, names);

    List<String> told = Collections.synchronizedList(new ArrayList<>());
    SharedInformerFactory factory = new SharedInformerFactory(people);
    SharedIndexInformer<DynamicKubernetesObject> informer = factory.sharedIndexInformerFor(pools, DynamicKubernetesObject.class, 0, NS);
    informer.addEventHandler(new ResourceEventHandler<>() {
      public void onAdd(DynamicKubernetesObject o) { told.add("add " + o.getMetadata().getName()); }
      public void onUpdate(DynamicKubernetesObject was, DynamicKubernetesObject o) { told.add("update " + o.getMetadata().getName()); }
      public void onDelete(DynamicKubernetesObject o, boolean unknown) { told.add("delete " + o.getMetadata().getName()); }
    });
    factory.startAllRegisteredInformers();
    that("informer syncs", until(informer::hasSynced) && informer.getIndexer().list().size() == pools.list(NS).getObject().getItems().size(), informer.getIndexer().list().size());
    pools.create(pool("informed", 1));
    that("informer sees a creation", until(() -> told.contains("add informed")), told);
    System.out.println("RESTART");
    that("the server is killed and comes back", "restarted".equals(in.readLine()), "");
    that("write after the restart", until(() -> { int code = pools.create(pool("after", 1)).getHttpStatusCode(); return code == 201 || code == 409; }), "");
    that("informer sees it", until(() -> told.contains("add after")), told);
    that("delete in the foreground", pools.delete(NS, "informed", foreground()).isSuccess(), "");
    that("informer sees a deletion", until(() -> told.contains("delete informed")), told);
    factory.stopAllRegisteredInformers();

    CoreV1Api core = new CoreV1Api(people);
    core.createNamespacedEvent(NS, new CoreV1Event().metadata(new V1ObjectMeta().generateName("java-").namespace(NS)).type("Normal").reason("Tested").message("by Java").involvedObject(new V1ObjectReference().apiVersion("skerry.dev/v1alpha1").kind("NodePool").name("java").namespace(NS))).execute();
    that("typed events", core.listNamespacedEvent(NS).fieldSelector("reason=Tested").execute().getItems().stream().anyMatch(e -> "by Java".equals(e.getMessage())), "");
    that("wait for a deletion", pools.delete(NS, "java").isSuccess() && until(() -> pools.get(NS, "java").getHttpStatusCode() == 404), "");
    System.exit(failed > 0 ? 1 : 0);
  }
  static DeleteOptions foreground() {
    DeleteOptions o = new DeleteOptions();
    o.setPropagationPolicy("Foreground");
    return o;
  }
}
