package main

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

func patches(ctx context.Context, c clients) {
	check.Must(c.pools.Create(ctx, skerry.Loose(check.Namespace, "patched", 1), metav1.CreateOptions{}))
	patch := func(kind types.PatchType, text string, subresources ...string) (*unstructured.Unstructured, error) {
		return c.pools.Patch(ctx, "patched", kind, []byte(text), metav1.PatchOptions{}, subresources...)
	}
	labels := func(o *unstructured.Unstructured) map[string]string {
		m, _, _ := unstructured.NestedStringMap(o.Object, "spec", "labels")
		return m
	}
	o, err := patch(types.MergePatchType, `{"spec":{"labels":{"a":"1","b":"2"}}}`)
	check.That("merge patch", err == nil && labels(o)["a"] == "1", err)
	o, err = patch(types.MergePatchType, `{"spec":{"labels":{"a":null}}}`)
	check.That("merge patch removes by null", err == nil && len(labels(o)) == 1, err)
	o, err = patch(types.JSONPatchType, `[{"op":"test","path":"/spec/labels/b","value":"2"},{"op":"replace","path":"/spec/labels/b","value":"3"},{"op":"add","path":"/spec/taints/-","value":{"key":"k","effect":"NoSchedule"}}]`)
	check.That("JSON patch", err == nil && labels(o)["b"] == "3", err)
	_, err = patch(types.JSONPatchType, `[{"op":"test","path":"/spec/labels/b","value":"2"}]`)
	check.That("a JSON patch whose test fails is Invalid", apierrors.IsInvalid(err), err)
	_, err = patch(types.StrategicMergePatchType, `{"spec":{"replicas":2}}`)
	check.That("a strategic merge patch is 415", apierrors.ReasonForError(err) == metav1.StatusReasonUnsupportedMediaType, err)
	_, err = patch(types.MergePatchType, `{"metadata":{"resourceVersion":"1"},"spec":{"replicas":2}}`)
	check.That("a patch with an old version is a conflict", apierrors.IsConflict(err), err)
	status, err := c.sitePool.Patch(ctx, "patched", types.MergePatchType, []byte(`{"status":{"readyReplicas":1}}`), metav1.PatchOptions{}, "status")
	ready, _, _ := unstructured.NestedInt64(status.Object, "status", "readyReplicas")
	check.That("merge patch of the status", err == nil && ready == 1, err)
	_, err = c.pools.Patch(ctx, "nothing", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
	check.That("a patch of nothing is NotFound", apierrors.IsNotFound(err), err)
}
