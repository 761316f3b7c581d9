package main

import (
	"context"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/restmapper"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

func discover(_ context.Context, c clients) {
	d := check.Must(discovery.NewDiscoveryClientForConfig(c.config))
	v, err := d.ServerVersion()
	check.That("server version is a version", err == nil && version.Info(*v).Major == "1", err, v)
	groups, resources, err := d.ServerGroupsAndResources()
	check.That("all groups and resources", err == nil && len(groups) > 0 && len(resources) > 0, err)
	check.That("discovery is aggregated", len(c.asked.those(func(q string) bool { return strings.HasPrefix(q, "GET /apis/skerry.dev") })) == 0, c.asked.those(func(string) bool { return true }))
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(d))
	m, err := mapper.RESTMapping(schema.GroupKind{Group: "skerry.dev", Kind: "NodePool"})
	check.That("RESTMapper finds a kind", err == nil && m.Resource == skerry.NodePools && m.Scope.Name() == "namespace", err)
	short, err := restmapper.NewShortcutExpander(mapper, memory.NewMemCacheClient(d), nil).ResourceFor(schema.GroupVersionResource{Resource: "skc"})
	check.That("RESTMapper finds a short name", err == nil && short == skerry.Clusters, err, short)
	list, err := d.ServerResourcesForGroupVersion(skerry.GroupVersion.String())
	names := map[string]string{}
	if err == nil {
		for _, r := range list.APIResources {
			names[r.Name] = r.Kind
		}
	}
	check.That("subresources are listed", names["nodepools/status"] == "NodePool" && names["nodepools/scale"] == "Scale", err, names)

	root := openapi3.NewRoot(d.OpenAPIV3())
	versions, err := root.GroupVersions()
	check.That("OpenAPI v3 root", err == nil && len(versions) > 2, err, versions)
	spec, err := root.GVSpec(skerry.GroupVersion)
	found := false
	if err == nil {
		for _, s := range spec.Components.Schemas {
			if p, ok := s.Properties["spec"]; ok && p.Properties["drainTimeout"].Type.Contains("string") {
				found = true
			}
		}
	}
	check.That("OpenAPI v3 of our group has the fields", found, err)
	_, err = d.OpenAPISchema()
	check.NoError("OpenAPI v2 as protobuf", err)

	var code int
	err = d.RESTClient().Get().AbsPath("/apis/skerry.dev/v1alpha1/nothing").Do(context.Background()).StatusCode(&code).Error()
	check.That("a resource that is not there is 404", code == http.StatusNotFound, err, code)
}
