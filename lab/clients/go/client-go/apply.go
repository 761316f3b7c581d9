package main

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

func apply(ctx context.Context, c clients) {
	ns := check.Namespace
	by := func(manager string, force bool) metav1.ApplyOptions {
		return metav1.ApplyOptions{FieldManager: manager, Force: force}
	}
	o, err := c.pools.Apply(ctx, "applied", skerry.Loose(ns, "applied", 1), by("a", false))
	check.That("apply creates", err == nil && o.GetResourceVersion() != "", err)
	again, err := c.pools.Apply(ctx, "applied", skerry.Loose(ns, "applied", 1), by("a", false))
	check.That("apply again changes nothing", err == nil && again.GetResourceVersion() == o.GetResourceVersion(), err)
	_, err = c.pools.Apply(ctx, "applied", skerry.Loose(ns, "applied", 2), by("b", false))
	status, _ := err.(apierrors.APIStatus)
	check.That("apply by another is a conflict that names field and manager", apierrors.IsConflict(err) && len(status.Status().Details.Causes) == 1 &&
		status.Status().Details.Causes[0].Field == ".spec.replicas" && status.Status().Details.Causes[0].Type == metav1.CauseTypeFieldManagerConflict, err)
	o, err = c.pools.Apply(ctx, "applied", skerry.Loose(ns, "applied", 2), by("b", true))
	check.That("force takes the field", err == nil && managers(o)["b"], err, managers(o))
	less := skerry.Loose(ns, "applied", 2)
	unstructured.RemoveNestedField(less.Object, "spec", "replicas")
	_ = unstructured.SetNestedStringMap(less.Object, map[string]string{"x": "1"}, "spec", "labels")
	o, err = c.pools.Apply(ctx, "applied", less, by("a", false))
	check.That("managers share an object", err == nil && managers(o)["a"] && managers(o)["b"], err)
	unstructured.RemoveNestedField(less.Object, "spec", "labels")
	o, err = c.pools.Apply(ctx, "applied", less, by("a", false))
	left, _, _ := unstructured.NestedStringMap(o.Object, "spec", "labels")
	check.That("what is no longer applied goes", err == nil && len(left) == 0, err, left)
	_, err = c.pools.Apply(ctx, "applied", skerry.Loose(ns, "applied", 2), metav1.ApplyOptions{})
	check.That("apply wants a field manager", apierrors.IsBadRequest(err) || apierrors.IsInvalid(err), err)

	of := func(condition string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": skerry.GroupVersion.String(), "kind": "NodePool", "metadata": map[string]any{"name": "applied", "namespace": ns},
			"status": map[string]any{"conditions": []any{map[string]any{"type": condition, "status": "True", "reason": "Tested", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}}}}}
	}
	_, err = c.sitePool.ApplyStatus(ctx, "applied", of("One"), by("one", false))
	check.NoError("apply of a condition", err)
	o, err = c.sitePool.ApplyStatus(ctx, "applied", of("Two"), by("two", false))
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	check.That("two managers, a condition each", err == nil && len(conditions) == 2, err, conditions)

	check.Must(c.pools.Create(ctx, skerry.Loose(ns, "upgraded", 1), metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}))
	live := check.Must(c.pools.Get(ctx, "upgraded", metav1.GetOptions{}))
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New("kubectl-client-side-apply"), "kubectl")
	if err == nil {
		live, err = c.pools.Patch(ctx, "upgraded", "application/json-patch+json", patch, metav1.PatchOptions{})
	}
	check.That("managedFields of client-side apply are upgraded", err == nil && slices.ContainsFunc(live.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool {
		return f.Manager == "kubectl" && f.Operation == metav1.ManagedFieldsOperationApply
	}), err)
}

func managers(o *unstructured.Unstructured) map[string]bool {
	out := map[string]bool{}
	if o != nil {
		for _, f := range o.GetManagedFields() {
			out[f.Manager] = true
		}
	}
	return out
}
