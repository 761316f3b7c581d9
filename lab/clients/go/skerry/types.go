// Package skerry has node pools as Go types, as a program of somebody else's would declare them.
package skerry

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	GroupVersion = schema.GroupVersion{Group: "skerry.dev", Version: "v1alpha1"}
	NodePools    = GroupVersion.WithResource("nodepools")
	Clusters     = GroupVersion.WithResource("clusters")
)

type NodePoolSpec struct {
	Cluster      string            `json:"cluster"`
	MachineType  string            `json:"machineType"`
	Replicas     *int32            `json:"replicas,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	DrainTimeout string            `json:"drainTimeout,omitempty"`
}

type NodePoolStatus struct {
	Replicas      int32              `json:"replicas,omitempty"`
	ReadyReplicas int32              `json:"readyReplicas,omitempty"`
	Selector      string             `json:"selector,omitempty"`
	Conditions    []metav1.Condition `json:"conditions,omitempty"`
}

type NodePool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              NodePoolSpec   `json:"spec,omitempty"`
	Status            NodePoolStatus `json:"status,omitempty"`
}

type NodePoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NodePool `json:"items"`
}

func (p *NodePool) DeepCopyObject() runtime.Object { return p.DeepCopy() }
func (p *NodePool) DeepCopy() *NodePool {
	out := *p
	p.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if p.Spec.Replicas != nil {
		n := *p.Spec.Replicas
		out.Spec.Replicas = &n
	}
	if p.Spec.Labels != nil {
		out.Spec.Labels = make(map[string]string, len(p.Spec.Labels))
		for k, v := range p.Spec.Labels {
			out.Spec.Labels[k] = v
		}
	}
	out.Status.Conditions = append([]metav1.Condition(nil), p.Status.Conditions...)
	return &out
}
func (l *NodePoolList) DeepCopyObject() runtime.Object {
	out := *l
	out.Items = make([]NodePool, len(l.Items))
	for i := range l.Items {
		out.Items[i] = *l.Items[i].DeepCopy()
	}
	return &out
}

// AddToScheme makes the types known.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &NodePool{}, &NodePoolList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

// Pool is a pool of the cluster that every server of the lab has.
func Pool(namespace, name string, replicas int32) *NodePool {
	return &NodePool{
		TypeMeta:   metav1.TypeMeta{APIVersion: GroupVersion.String(), Kind: "NodePool"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       NodePoolSpec{Cluster: "base", MachineType: "b2.c2r4", Replicas: &replicas},
	}
}

// Loose is the same without a type.
func Loose(namespace, name string, replicas int32) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": GroupVersion.String(), "kind": "NodePool", "metadata": map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{"cluster": "base", "machineType": "b2.c2r4", "replicas": int64(replicas)},
	}}
}

// Cluster is a cluster without a type.
func Cluster(namespace, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": GroupVersion.String(), "kind": "Cluster", "metadata": map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{"site": "lab", "release": "2026.4.1", "controlPlane": map[string]any{"machineType": "b2.c2r4"}},
	}}
}
