// A small operator made with controller-runtime, as most operators are: it writes labels of a pool into its taints' place, keeps one
// Lease a pool, sets a condition, and holds a pool by a finalizer until it has tidied up.
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

const (
	finalizer = "clients.test/tidy"
	condition = "Seen"
)

type operator struct {
	client.Client
	// Writes status, which people may not.
	status   client.Client
	recorder events.EventRecorder
	passes   atomic.Int32
}

func (o *operator) Reconcile(ctx context.Context, q reconcile.Request) (reconcile.Result, error) {
	o.passes.Add(1)
	pool := &skerry.NodePool{}
	if err := o.Get(ctx, q.NamespacedName, pool); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if !pool.DeletionTimestamp.IsZero() {
		if controllerutil.RemoveFinalizer(pool, finalizer) {
			return reconcile.Result{}, client.IgnoreNotFound(o.Update(ctx, pool))
		}
		return reconcile.Result{}, nil
	}
	if controllerutil.AddFinalizer(pool, finalizer) {
		return reconcile.Result{}, o.Update(ctx, pool)
	}
	lease := &coordination.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: pool.Namespace, Name: "of-" + pool.Name}}
	result, err := controllerutil.CreateOrUpdate(ctx, o.Client, lease, func() error {
		lease.Spec.HolderIdentity = ptr.To(fmt.Sprint(*pool.Spec.Replicas))
		return controllerutil.SetControllerReference(pool, lease, o.Scheme())
	})
	if err != nil {
		return reconcile.Result{}, err
	}
	if result != controllerutil.OperationResultNone {
		o.recorder.Eventf(pool, lease, core.EventTypeNormal, "LeaseKept", "Keeping", "lease %s %s", lease.Name, result)
	}
	before := pool.DeepCopy()
	if meta.SetStatusCondition(&pool.Status.Conditions, metav1.Condition{Type: condition, Status: metav1.ConditionTrue, Reason: "Seen", Message: fmt.Sprintf("%d wanted", *pool.Spec.Replicas), ObservedGeneration: pool.Generation}) {
		return reconcile.Result{}, o.status.Status().Patch(ctx, pool, client.MergeFrom(before))
	}
	return reconcile.Result{}, nil
}

func newManager(config *rest.Config, scheme *runtime.Scheme, who string) ctrl.Manager {
	return check.Must(ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", Cache: cache.Options{DefaultNamespaces: map[string]cache.Config{check.Namespace: {}}},
		LeaderElection: true, LeaderElectionID: "operator", LeaderElectionNamespace: check.Namespace, LeaderElectionReleaseOnCancel: true,
		LeaseDuration: ptr.To(6 * time.Second), RenewDeadline: ptr.To(4 * time.Second), RetryPeriod: ptr.To(500 * time.Millisecond), Logger: log.Log.WithName(who),
	}))
}

func main() {
	log.SetLogger(zap.New(zap.UseDevMode(true)))
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	scheme := runtime.NewScheme()
	check.Must(0, clientgoscheme.AddToScheme(scheme))
	check.Must(0, skerry.AddToScheme(scheme))
	config := check.Config("people")
	mgr := newManager(config, scheme, "first")
	op := &operator{Client: mgr.GetClient(), status: check.Must(client.New(check.Config("site"), client.Options{Scheme: scheme})), recorder: mgr.GetEventRecorder("operator")}
	check.Must(0, mgr.GetFieldIndexer().IndexField(ctx, &skerry.NodePool{}, "spec.cluster", func(o client.Object) []string { return []string{o.(*skerry.NodePool).Spec.Cluster} }))
	check.Must(0, ctrl.NewControllerManagedBy(mgr).For(&skerry.NodePool{}, builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).Owns(&coordination.Lease{}).Complete(op))
	stopped := make(chan error, 1)
	managing, stop := context.WithCancel(ctx)
	go func() { stopped <- mgr.Start(managing) }()
	select {
	case <-mgr.Elected():
		check.That("the manager is elected", true)
	case <-time.After(check.Patience):
		check.That("the manager is elected", false)
	}
	check.That("its caches sync", mgr.GetCache().WaitForCacheSync(ctx))

	direct := check.Must(client.New(config, client.Options{Scheme: scheme}))
	ns := check.Namespace
	key := func(name string) client.ObjectKey { return client.ObjectKey{Namespace: ns, Name: name} }
	pool := skerry.Pool(ns, "kept", 2)
	check.NoError("create by a typed client", direct.Create(ctx, pool))
	current := func() *skerry.NodePool {
		p := &skerry.NodePool{}
		if direct.Get(ctx, key("kept"), p) != nil {
			return &skerry.NodePool{}
		}
		return p
	}
	said := func(text string) func() bool {
		return func() bool {
			c := meta.FindStatusCondition(current().Status.Conditions, condition)
			return c != nil && c.Message == text
		}
	}
	check.That("it is reconciled: a condition", check.Until(ctx, said("2 wanted")), current().Status)
	check.That("it is reconciled: a finalizer", controllerutil.ContainsFinalizer(current(), finalizer), current().Finalizers)
	lease := &coordination.Lease{}
	check.That("it is reconciled: an owned object", direct.Get(ctx, key("of-kept"), lease) == nil && metav1.IsControlledBy(lease, current()), lease)
	check.That("an event of it", check.Until(ctx, func() bool {
		l := &core.EventList{}
		return direct.List(ctx, l, client.InNamespace(ns), client.MatchingFields{"reason": "LeaseKept"}) == nil && len(l.Items) > 0
	}))

	patched := current()
	base := patched.DeepCopy()
	patched.Spec.Replicas = ptr.To[int32](5)
	check.NoError("merge patch", direct.Patch(ctx, patched, client.MergeFrom(base)))
	check.That("a change is reconciled", check.Until(ctx, said("5 wanted")), current().Status)
	err := direct.Patch(ctx, patched.DeepCopy(), client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	check.That("merge patch with optimistic lock conflicts", apierrors.IsConflict(err), err)
	check.NoError("the owned object is deleted by somebody", direct.Delete(ctx, lease))
	check.That("and made again", check.Until(ctx, func() bool {
		again := &coordination.Lease{}
		return direct.Get(ctx, key("of-kept"), again) == nil && again.UID != lease.UID && again.DeletionTimestamp == nil
	}))

	applied := skerry.Loose(ns, "applied", 1)
	check.NoError("server-side apply", direct.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("tester"), client.ForceOwnership))
	list := &skerry.NodePoolList{}
	check.That("cached list by an index", check.Until(ctx, func() bool {
		return mgr.GetClient().List(ctx, list, client.InNamespace(ns), client.MatchingFields{"spec.cluster": "base"}) == nil && len(list.Items) == 2
	}), len(list.Items))
	loose := &unstructured.UnstructuredList{}
	loose.SetGroupVersionKind(skerry.GroupVersion.WithKind("NodePoolList"))
	check.That("list in pages, without types", direct.List(ctx, loose, client.InNamespace(ns), client.Limit(1)) == nil && len(loose.Items) == 1 && loose.GetContinue() != "")
	slim := &metav1.PartialObjectMetadata{}
	slim.SetGroupVersionKind(skerry.GroupVersion.WithKind("NodePool"))
	check.NoError("metadata only, cached", mgr.GetClient().Get(ctx, key("kept"), slim))
	check.NoError("dry run", client.NewDryRunClient(direct).Delete(ctx, skerry.Pool(ns, "applied", 1)))

	quiet := op.passes.Load()
	time.Sleep(2 * time.Second)
	check.That("what is settled is left alone", op.passes.Load()-quiet <= 1, op.passes.Load()-quiet)

	check.NoError("the server is killed and comes back", check.Restart())
	err = nil
	check.Until(ctx, func() bool {
		p := current()
		b := p.DeepCopy()
		p.Spec.Replicas = ptr.To[int32](7)
		err = direct.Patch(ctx, p, client.MergeFrom(b))
		return err == nil && p.Name != ""
	})
	check.That("a change after that is reconciled", check.Until(ctx, said("7 wanted")), err, current().Status)

	check.NoError("delete", direct.DeleteAllOf(ctx, &skerry.NodePool{}, client.InNamespace(ns)))
	check.That("the finalizer is removed, and it is gone", check.Until(ctx, func() bool { return apierrors.IsNotFound(direct.Get(ctx, key("kept"), &skerry.NodePool{})) }))
	check.That("what it owned goes too", check.Until(ctx, func() bool { return apierrors.IsNotFound(direct.Get(ctx, key("of-kept"), &coordination.Lease{})) }))
	stop()
	check.NoError("the manager stops and lets go", <-stopped)
	held := &coordination.Lease{}
	check.That("nobody leads any more", check.Until(ctx, func() bool {
		return direct.Get(ctx, key("operator"), held) == nil && ptr.Deref(held.Spec.HolderIdentity, "") == ""
	}), ptr.Deref(held.Spec.HolderIdentity, ""))
	check.End()
}
