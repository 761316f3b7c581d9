package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

const many = 25

func lists(ctx context.Context, c clients) {
	ns := check.Namespace
	for i := range many {
		o := skerry.Loose(ns, fmt.Sprintf("many-%02d", i), 0)
		o.SetLabels(map[string]string{"set": "many", "odd": fmt.Sprint(i%2 == 1)})
		check.Must(c.pools.Create(ctx, o, metav1.CreateOptions{}))
	}
	page, err := c.pools.List(ctx, metav1.ListOptions{LabelSelector: "set=many", Limit: 10})
	check.That("a page has a continue token", err == nil && len(page.Items) == 10 && page.GetContinue() != "", err)
	first := page.GetResourceVersion()
	check.Must(c.pools.Create(ctx, labelled(ns, "many-00-later"), metav1.CreateOptions{}))
	names := map[string]bool{}
	token := page.GetContinue()
	for token != "" && err == nil {
		page, err = c.pools.List(ctx, metav1.ListOptions{LabelSelector: "set=many", Limit: 10, Continue: token})
		if err == nil {
			for _, o := range page.Items {
				names[o.GetName()] = true
			}
			token = page.GetContinue()
		}
	}
	check.That("pages are of one moment", err == nil && len(names) == many-10 && page.GetResourceVersion() == first, err, len(names))
	p := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) { return c.pools.List(ctx, o) }))
	p.PageSize = 7
	n := 0
	err = p.EachListItem(ctx, metav1.ListOptions{LabelSelector: "set=many"}, func(runtime.Object) error { n++; return nil })
	check.That("pager goes through all", err == nil && n == many+1, err, n)
	all, _, err := p.List(ctx, metav1.ListOptions{LabelSelector: "set=many"})
	check.That("pager collects all", err == nil && meta.LenList(all) == many+1, err)
	_, err = c.pools.List(ctx, metav1.ListOptions{Continue: "bm90IGEgdG9rZW4"})
	check.That("a token that is none is a bad request", apierrors.IsBadRequest(err), err)

	some := func(o metav1.ListOptions) int {
		l, err := c.pools.List(ctx, o)
		if err != nil {
			return -1
		}
		return len(l.Items)
	}
	check.That("label selectors with sets", some(metav1.ListOptions{LabelSelector: "set in (many,few),odd notin (true)"}) == 14, some(metav1.ListOptions{LabelSelector: "set in (many,few),odd notin (true)"}))
	check.That("label selectors by existence", some(metav1.ListOptions{LabelSelector: "set,!odd"}) == 1)
	check.That("field selector by name", some(metav1.ListOptions{FieldSelector: "metadata.name=many-03"}) == 1)
	check.That("field selector by a field of the kind", some(metav1.ListOptions{FieldSelector: "spec.cluster=base", LabelSelector: "set=many"}) == many+1)
	check.That("field selector that excludes", some(metav1.ListOptions{FieldSelector: "spec.cluster!=base", LabelSelector: "set=many"}) == 0)
	_, err = c.pools.List(ctx, metav1.ListOptions{FieldSelector: "spec.drainTimeout=10m"})
	check.That("a field that cannot be selected by is a bad request", apierrors.IsBadRequest(err), err)

	live := check.Must(c.pools.Get(ctx, "many-03", metav1.GetOptions{}))
	check.That("list not older than a version", some(metav1.ListOptions{ResourceVersion: live.GetResourceVersion(), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, LabelSelector: "set=many"}) == many+1)
	check.That("list from the cache", some(metav1.ListOptions{ResourceVersion: "0", LabelSelector: "set=many"}) >= many)
	exact, err := c.pools.List(ctx, metav1.ListOptions{ResourceVersion: live.GetResourceVersion(), ResourceVersionMatch: metav1.ResourceVersionMatchExact, LabelSelector: "set=many"})
	check.That("list of exactly a version", err == nil && len(exact.Items) == 4 && exact.GetResourceVersion() == live.GetResourceVersion(), err)
	_, err = c.pools.List(ctx, metav1.ListOptions{ResourceVersion: "99999999999", ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan})
	check.That("a version that is not there yet times out", apierrors.IsTimeout(err) || errors.Is(err, context.DeadlineExceeded) || (err != nil && strings.Contains(err.Error(), "Too large resource version")), err)
	everywhere, err := c.dynamic.Resource(skerry.NodePools).List(ctx, metav1.ListOptions{LabelSelector: "set=many"})
	check.That("list of all namespaces", err == nil && len(everywhere.Items) >= many+1, err)

	check.NoError("delete a collection", c.pools.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "set=many,odd=true"}))
	check.That("it goes by its selector", check.Until(ctx, func() bool { return some(metav1.ListOptions{LabelSelector: "set=many"}) == 14 }), some(metav1.ListOptions{LabelSelector: "set=many"}))
}

func labelled(ns, name string) *unstructured.Unstructured {
	o := skerry.Loose(ns, name, 0)
	o.SetLabels(map[string]string{"set": "many"})
	return o
}
