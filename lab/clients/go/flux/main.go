// Flux's apply engine, as its kustomize-controller uses it: change sets, drift and its correction, waiting by status, pruning.
package main

import (
	"context"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/pkg/ssa"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

const settle = "lab.skerry.dev/settle"

// desired is what a repository would hold.
func desired(replicas int32) []*unstructured.Unstructured {
	cluster := skerry.Cluster(check.Namespace, "fleet")
	pool := skerry.Loose(check.Namespace, "fleet-workers", replicas)
	for _, o := range []*unstructured.Unstructured{cluster, pool} {
		o.SetLabels(map[string]string{settle: "true"})
	}
	return []*unstructured.Unstructured{cluster, pool}
}

func actions(set *ssa.ChangeSet) string {
	if set == nil {
		return ""
	}
	var out []string
	for _, e := range set.Entries {
		out = append(out, e.Action.String())
	}
	return strings.Join(out, ",")
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	config := check.Config("people")
	mapper := check.Must(apiutil.NewDynamicRESTMapper(config, check.Must(rest.HTTPClientFor(config))))
	kube := check.Must(client.New(config, client.Options{Mapper: mapper}))
	manager := ssa.NewResourceManager(kube, polling.NewStatusPoller(kube, mapper, polling.Options{}), ssa.Owner{Field: "flux", Group: "clients.test"})
	options := ssa.DefaultApplyOptions()

	set := desired(2)
	manager.SetOwnerLabels(set, "fleet", check.Namespace)
	changes, err := manager.ApplyAllStaged(ctx, set, options)
	check.That("apply makes what is not there", err == nil && actions(changes) == "created,created", err, actions(changes))
	check.NoError("wait until it is ready", manager.WaitForSet(changes.ToObjMetadataSet(), ssa.WaitOptions{Interval: 200 * time.Millisecond, Timeout: check.Patience}))
	fresh := func(replicas int32) []*unstructured.Unstructured {
		set := desired(replicas)
		manager.SetOwnerLabels(set, "fleet", check.Namespace)
		return set
	}
	changes, err = manager.ApplyAll(ctx, fresh(2), options)
	check.That("apply again changes nothing", err == nil && actions(changes) == "unchanged,unchanged", err, actions(changes))
	entry, _, _, err := manager.Diff(ctx, fresh(2)[1], ssa.DefaultDiffOptions())
	check.That("no drift", err == nil && entry.Action == ssa.UnchangedAction, err)

	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(skerry.GroupVersion.WithKind("NodePool"))
	key := client.ObjectKey{Namespace: check.Namespace, Name: "fleet-workers"}
	check.Must(0, kube.Get(ctx, key, live))
	base := live.DeepCopy()
	_ = unstructured.SetNestedField(live.Object, int64(9), "spec", "replicas")
	check.NoError("somebody scales by hand", kube.Patch(ctx, live, client.MergeFrom(base), client.FieldOwner("somebody")))
	entry, was, merged, err := manager.Diff(ctx, fresh(2)[1], ssa.DefaultDiffOptions())
	check.That("drift is seen", err == nil && entry.Action == ssa.ConfiguredAction && was != nil && merged != nil, err)
	changes, err = manager.ApplyAll(ctx, fresh(2), options)
	check.That("drift is corrected", err == nil && actions(changes) == "unchanged,configured", err, actions(changes))
	check.Must(0, kube.Get(ctx, key, live))
	n, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
	check.That("it is what it was", n == 2, n)

	changes, err = manager.ApplyAll(ctx, fresh(3), options)
	check.That("a change is applied", err == nil && actions(changes) == "unchanged,configured", err, actions(changes))
	check.NoError("wait for the new generation", manager.WaitForSet(changes.ToObjMetadataSet(), ssa.WaitOptions{Interval: 200 * time.Millisecond, Timeout: check.Patience}))
	bad := fresh(3)[1]
	_ = unstructured.SetNestedField(bad.Object, "x", "spec", "bogus")
	_, err = manager.ApplyAll(ctx, []*unstructured.Unstructured{bad}, options)
	check.That("what does not fit is refused by the dry run", err != nil && strings.Contains(err.Error(), "bogus"), err)

	changes, err = manager.DeleteAll(ctx, fresh(3), ssa.DefaultDeleteOptions())
	check.That("pruning", err == nil && strings.Count(actions(changes), "deleted") == 2, err, actions(changes))
	check.NoError("wait until all is gone", manager.WaitForTermination(fresh(3), ssa.WaitOptions{Interval: 200 * time.Millisecond, Timeout: check.Patience}))
	check.That("it is gone", apierrors.IsNotFound(kube.Get(ctx, key, live)))
	check.End()
}
