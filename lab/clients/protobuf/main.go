// Prints, as JSON, the bytes that client-go sends for the messages that it sends as protobuf (rule A2), and the same objects as JSON.
// go run . > ../../../src/apiserver/testing/protobuf.json
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
)

type fixture struct {
	Name   string          `json:"name"`
	Bytes  string          `json:"bytes"`
	Object json.RawMessage `json:"object"`
}

func ptr[T any](v T) *T { return &v }

func main() {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	second, micro := metav1.NewTime(at.Truncate(time.Second)), metav1.NewMicroTime(at)
	meta := metav1.ObjectMeta{
		Name: "a", GenerateName: "a-", Namespace: "shop", UID: types.UID("u"), ResourceVersion: "7", Generation: 3, CreationTimestamp: second, DeletionTimestamp: &second, DeletionGracePeriodSeconds: ptr[int64](30),
		Labels: map[string]string{"app": "x", "empty": ""}, Annotations: map[string]string{"note": "üß"}, Finalizers: []string{"x/y", "z/w"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n", UID: "o", Controller: ptr(true), BlockOwnerDeletion: ptr(false)}},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "m", Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", Time: &second, FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:spec":{}}`)}, Subresource: "status"}},
	}
	refOf := corev1.ObjectReference{Kind: "Cluster", Namespace: "shop", Name: "c", UID: "u", APIVersion: "skerry.dev/v1alpha1", ResourceVersion: "9", FieldPath: "spec"}
	list := []struct {
		name   string
		gvk    schema.GroupVersionKind
		object runtime.Object
	}{
		{"SelfSubjectAccessReview, of a resource", authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: "shop", Verb: "create", Group: "skerry.dev", Version: "*", Resource: "clusters", Subresource: "status", Name: "c",
			LabelSelector: &authorizationv1.LabelSelectorAttributes{RawSelector: "a=b"}, FieldSelector: &authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{{Key: "spec.site", Operator: "In", Values: []string{"x"}}}}}}}},
		{"SelfSubjectAccessReview, of a path", authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/version", Verb: "get"}}}},
		{"SelfSubjectRulesReview", authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectRulesReview"), &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "shop"}}},
		{"SelfSubjectReview", authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"), &authenticationv1.SelfSubjectReview{}},
		{"Namespace", corev1.SchemeGroupVersion.WithKind("Namespace"), &corev1.Namespace{ObjectMeta: meta, Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"kubernetes"}}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive, Conditions: []corev1.NamespaceCondition{{Type: "NamespaceDeletionContentFailure", Status: "False", LastTransitionTime: second, Reason: "r", Message: "m"}}}}},
		{"Namespace, only a name", corev1.SchemeGroupVersion.WithKind("Namespace"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}}},
		{"Event of core/v1", corev1.SchemeGroupVersion.WithKind("Event"), &corev1.Event{ObjectMeta: meta, InvolvedObject: refOf, Reason: "Made", Message: "it is there", Source: corev1.EventSource{Component: "c", Host: "h"}, FirstTimestamp: second, LastTimestamp: second, Count: 2, Type: "Normal",
			EventTime: micro, Series: &corev1.EventSeries{Count: 4, LastObservedTime: micro}, Action: "Make", Related: &refOf, ReportingController: "rc", ReportingInstance: "ri"}},
		{"Event of events.k8s.io/v1", eventsv1.SchemeGroupVersion.WithKind("Event"), &eventsv1.Event{ObjectMeta: meta, EventTime: micro, Series: &eventsv1.EventSeries{Count: 4, LastObservedTime: micro}, ReportingController: "rc", ReportingInstance: "ri", Action: "Make", Reason: "Made",
			Regarding: refOf, Related: &refOf, Note: "it is there", Type: "Normal", DeprecatedSource: corev1.EventSource{Component: "c", Host: "h"}, DeprecatedFirstTimestamp: second, DeprecatedLastTimestamp: second, DeprecatedCount: 2}},
		{"Lease", coordinationv1.SchemeGroupVersion.WithKind("Lease"), &coordinationv1.Lease{ObjectMeta: meta, Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr("me"), LeaseDurationSeconds: ptr[int32](15), AcquireTime: &micro, RenewTime: &micro, LeaseTransitions: ptr[int32](2), Strategy: ptr(coordinationv1.OldestEmulationVersion), PreferredHolder: ptr("you")}}},
		{"Lease that is given back", coordinationv1.SchemeGroupVersion.WithKind("Lease"), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "shop"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr(""), LeaseDurationSeconds: ptr[int32](1), LeaseTransitions: ptr[int32](0)}}},
		{"DeleteOptions", schema.GroupVersionKind{Group: "skerry.dev", Version: "v1alpha1", Kind: "DeleteOptions"}, &metav1.DeleteOptions{GracePeriodSeconds: ptr[int64](0), Preconditions: &metav1.Preconditions{UID: ptr(types.UID("u")), ResourceVersion: ptr("7")}, PropagationPolicy: ptr(metav1.DeletePropagationForeground), DryRun: []string{"All"}, IgnoreStoreReadErrorWithClusterBreakingPotential: ptr(false)}},
		{"DeleteOptions, orphans", schema.GroupVersionKind{Version: "v1", Kind: "DeleteOptions"}, &metav1.DeleteOptions{OrphanDependents: ptr(true)}},
	}
	codec := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	var out []fixture
	for _, f := range list {
		f.object.GetObjectKind().SetGroupVersionKind(f.gvk)
		bytes, err := runtime.Encode(codec, f.object)
		if err != nil {
			fmt.Fprintln(os.Stderr, f.name, err)
			os.Exit(1)
		}
		text, err := json.Marshal(f.object)
		if err != nil {
			panic(err)
		}
		out = append(out, fixture{f.name, base64.StdEncoding.EncodeToString(bytes), text})
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(out); err != nil {
		panic(err)
	}
}
