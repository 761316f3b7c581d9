package main

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

func deletions(ctx context.Context, c clients) {
	ns := check.Namespace
	o := check.Must(c.pools.Create(ctx, skerry.Loose(ns, "leaving", 1), metav1.CreateOptions{}))
	err := c.pools.Delete(ctx, "leaving", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: ptr.To(types.UID("another"))}})
	check.That("delete of another uid is a conflict", apierrors.IsConflict(err), err)
	err = c.pools.Delete(ctx, "leaving", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: ptr.To("1")}})
	check.That("delete of another version is a conflict", apierrors.IsConflict(err), err)
	err = c.pools.Delete(ctx, "leaving", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
	check.NoError("delete, dry", err)
	gone := make(chan error, 1)
	go func() {
		_, err := watchtools.Until(ctx, o.GetResourceVersion(), watcher{c, "metadata.name=leaving"}, func(e watch.Event) (bool, error) { return e.Type == watch.Deleted, nil })
		gone <- err
	}()
	err = c.pools.Delete(ctx, "leaving", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: ptr.To(o.GetUID())}})
	check.NoError("delete with its uid", err)
	check.NoError("waiting for a deletion by watch", <-gone)

	held := skerry.Loose(ns, "held", 1)
	held.SetFinalizers([]string{"clients.test/hold"})
	check.Must(c.pools.Create(ctx, held, metav1.CreateOptions{}))
	check.NoError("delete of what is held", c.pools.Delete(ctx, "held", metav1.DeleteOptions{}))
	live, err := c.pools.Get(ctx, "held", metav1.GetOptions{})
	check.That("a finalizer keeps it", err == nil && live.GetDeletionTimestamp() != nil, err)
	_, err = c.pools.Patch(ctx, "held", types.JSONPatchType, []byte(`[{"op":"add","path":"/metadata/finalizers/-","value":"clients.test/more"}]`), metav1.PatchOptions{})
	check.That("what goes takes no new finalizer", apierrors.IsInvalid(err) || apierrors.IsForbidden(err), err)
	rest := []string{}
	for _, f := range live.GetFinalizers() {
		if f != "clients.test/hold" {
			rest = append(rest, f)
		}
	}
	live.SetFinalizers(rest)
	_, err = c.sitePool.Update(ctx, live, metav1.UpdateOptions{})
	check.That("taking the finalizer off ends it", (err == nil || apierrors.IsConflict(err)) && check.Until(ctx, func() bool {
		now, err := c.pools.Get(ctx, "held", metav1.GetOptions{})
		if err == nil && len(now.GetFinalizers()) > 0 {
			_, _ = c.sitePool.Patch(ctx, "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		}
		return apierrors.IsNotFound(err)
	}), err)
	err = c.pools.Delete(ctx, "held", metav1.DeleteOptions{})
	check.That("delete of what is gone is NotFound", apierrors.IsNotFound(err), err)

	clusters := c.dynamic.Resource(skerry.Clusters).Namespace(ns)
	for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan} {
		owner := check.Must(c.pools.Create(ctx, skerry.Loose(ns, "owner", 1), metav1.CreateOptions{}))
		// A pool has its cluster for an owner too, where the server gives it one; a cluster has none.
		owned := skerry.Cluster(ns, "owned")
		owned.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(), BlockOwnerDeletion: ptr.To(true)}})
		check.Must(clusters.Create(ctx, owned, metav1.CreateOptions{}))
		err := c.pools.Delete(ctx, "owner", metav1.DeleteOptions{PropagationPolicy: &policy})
		isGone := func(of dynamic.ResourceInterface, name string) bool {
			_, err := of.Get(ctx, name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		}
		if policy == metav1.DeletePropagationOrphan {
			ok := check.Until(ctx, func() bool { return isGone(c.pools, "owner") })
			left, getErr := clusters.Get(ctx, "owned", metav1.GetOptions{})
			check.That("GC deletion, "+string(policy), err == nil && ok && getErr == nil && len(left.GetOwnerReferences()) == 0, err, ok, getErr)
			check.NoError("the orphan goes", clusters.Delete(ctx, "owned", metav1.DeleteOptions{}))
			check.Until(ctx, func() bool { return isGone(clusters, "owned") })
			continue
		}
		check.That("GC deletion, "+string(policy), err == nil && check.Until(ctx, func() bool { return isGone(c.pools, "owner") && isGone(clusters, "owned") }), err)
	}
}
