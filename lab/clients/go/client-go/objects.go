package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	autoscaling "k8s.io/api/autoscaling/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/util/retry"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

func objects(ctx context.Context, c clients) {
	ns := check.Namespace
	made := &skerry.NodePool{}
	err := c.typed.Post().Namespace(ns).Resource("nodepools").Body(skerry.Pool(ns, "typed", 2)).Do(ctx).Into(made)
	check.That("typed create", err == nil && made.UID != "" && made.Generation == 1 && made.ResourceVersion != "", err)
	check.That("defaults are filled in", made.Spec.DrainTimeout == "10m", made.Spec)
	got, err := c.pools.Get(ctx, "typed", metav1.GetOptions{})
	replicas, _, _ := unstructured.NestedInt64(got.Object, "spec", "replicas")
	check.That("dynamic get", err == nil && replicas == 2 && got.GetUID() == made.UID, err)

	_, err = c.pools.Create(ctx, skerry.Loose(ns, "typed", 1), metav1.CreateOptions{})
	check.That("create again is AlreadyExists", apierrors.IsAlreadyExists(err), err)
	_, err = c.pools.Get(ctx, "nothing", metav1.GetOptions{})
	check.That("get of nothing is NotFound", apierrors.IsNotFound(err), err)
	bad := skerry.Loose(ns, "bad", -1)
	_, err = c.pools.Create(ctx, bad, metav1.CreateOptions{})
	status, _ := err.(apierrors.APIStatus)
	check.That("a value that does not fit is Invalid with its field", apierrors.IsInvalid(err) && status.Status().Details != nil && len(status.Status().Details.Causes) > 0 && status.Status().Details.Causes[0].Field == "spec.replicas", err)
	odd := skerry.Loose(ns, "odd", 1)
	_ = unstructured.SetNestedField(odd.Object, "x", "spec", "bogus")
	_, err = c.pools.Create(ctx, odd, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	check.That("strict field validation", apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "spec.bogus"), err)
	warned := &warnings{}
	withWarnings := *c.config
	withWarnings.WarningHandler = warned
	dry := check.Must(dynamic.NewForConfig(&withWarnings)).Resource(skerry.NodePools).Namespace(ns)
	_, err = dry.Create(ctx, odd, metav1.CreateOptions{FieldValidation: metav1.FieldValidationWarn, DryRun: []string{metav1.DryRunAll}})
	check.That("field validation that warns, dry run", err == nil && len(warned.said) == 1 && strings.Contains(warned.said[0], "spec.bogus"), err, warned.said)
	_, err = c.pools.Get(ctx, "odd", metav1.GetOptions{})
	check.That("a dry run leaves nothing", apierrors.IsNotFound(err), err)

	generated := skerry.Loose(ns, "", 1)
	generated.SetGenerateName("gen-")
	a, err := c.pools.Create(ctx, generated, metav1.CreateOptions{})
	check.That("generateName", err == nil && strings.HasPrefix(a.GetName(), "gen-") && len(a.GetName()) == 9, err)

	stale := got.DeepCopy()
	_ = unstructured.SetNestedField(got.Object, int64(3), "spec", "replicas")
	got, err = c.pools.Update(ctx, got, metav1.UpdateOptions{})
	check.That("update raises the generation", err == nil && got.GetGeneration() == 2, err)
	_ = unstructured.SetNestedField(stale.Object, int64(4), "spec", "replicas")
	_, err = c.pools.Update(ctx, stale, metav1.UpdateOptions{})
	check.That("update with an old version is a conflict", apierrors.IsConflict(err), err)
	same, err := c.pools.Update(ctx, got, metav1.UpdateOptions{})
	check.That("update without a change keeps the version", err == nil && same.GetResourceVersion() == got.GetResourceVersion(), err)
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		o, err := c.pools.Get(ctx, "typed", metav1.GetOptions{})
		if err != nil {
			return err
		}
		o.SetAnnotations(map[string]string{"tried": "again"})
		_, err = c.pools.Update(ctx, o, metav1.UpdateOptions{})
		return err
	})
	check.NoError("retry on conflict", err)

	seen := check.Must(c.sitePool.Get(ctx, "typed", metav1.GetOptions{}))
	_ = unstructured.SetNestedField(seen.Object, int64(3), "status", "replicas")
	_ = unstructured.SetNestedField(seen.Object, "pool=typed", "status", "selector")
	_ = unstructured.SetNestedField(seen.Object, int64(99), "spec", "replicas")
	seen, err = c.sitePool.UpdateStatus(ctx, seen, metav1.UpdateOptions{})
	kept, _, _ := unstructured.NestedInt64(seen.Object, "spec", "replicas")
	check.That("the status subresource leaves the spec alone", err == nil && kept == 3 && seen.GetGeneration() == 2, err, kept)

	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(check.Must(discovery.NewDiscoveryClientForConfig(c.config))))
	scales := check.Must(scale.NewForConfig(c.config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(check.Must(discovery.NewDiscoveryClientForConfig(c.config))))).Scales(ns)
	s, err := scales.Get(ctx, skerry.NodePools.GroupResource(), "typed", metav1.GetOptions{})
	check.That("scale client reads", err == nil && s.Spec.Replicas == 3 && s.Status.Replicas == 3 && s.Status.Selector == "pool=typed", err)
	if err == nil {
		s.Spec.Replicas = 5
		s, err = scales.Update(ctx, skerry.NodePools.GroupResource(), s, metav1.UpdateOptions{})
		check.That("scale client writes", err == nil && s.Spec.Replicas == 5, err)
	}
	patched, err := scales.Patch(ctx, skerry.NodePools, "typed", types.MergePatchType, []byte(`{"spec":{"replicas":6}}`), metav1.PatchOptions{})
	check.That("scale client patches", err == nil && patched.Spec.Replicas == 6, err)
	raw := &autoscaling.Scale{}
	err = c.kube.CoreV1().RESTClient().Get().AbsPath("/apis/skerry.dev/v1alpha1/namespaces/" + ns + "/nodepools/typed/scale").Do(ctx).Into(raw)
	check.That("Scale is autoscaling/v1", err == nil && raw.Spec.Replicas == 6, err)

	meta, err := check.Must(metadata.NewForConfig(c.config)).Resource(skerry.NodePools).Namespace(ns).Get(ctx, "typed", metav1.GetOptions{})
	check.That("metadata client", err == nil && meta.Annotations["tried"] == "again", err)

	space, err := c.kube.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
	check.That("typed Namespace", err == nil && space.Status.Phase == core.NamespaceActive && space.Labels["kubernetes.io/metadata.name"] == ns, err)
	_, err = c.kube.CoreV1().Namespaces().Create(ctx, &core.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	check.NoError("typed Namespace, made dry", err)

	table := &metav1.Table{}
	body, err := c.kube.CoreV1().RESTClient().Get().AbsPath("/apis/skerry.dev/v1alpha1/namespaces/"+ns+"/nodepools").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Param("includeObject", "Metadata").DoRaw(ctx)
	if err == nil {
		err = json.Unmarshal(body, table)
	}
	check.That("server-side Table", err == nil && len(table.Rows) >= 2 && table.ColumnDefinitions[0].Name == "Name" && len(table.Rows[0].Cells) == len(table.ColumnDefinitions), err)

	var code int
	c.kube.CoreV1().RESTClient().Post().AbsPath("/apis/skerry.dev/v1alpha1/namespaces/"+ns+"/nodepools").SetHeader("Content-Type", "text/plain").Body([]byte("x")).Do(ctx).StatusCode(&code)
	check.That("a content type that is not known is 415", code == http.StatusUnsupportedMediaType, code)
}

type warnings struct{ said []string }

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) { w.said = append(w.said, text) }
