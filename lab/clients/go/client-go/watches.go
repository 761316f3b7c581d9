package main

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

// next gives the next event that is not a bookmark.
func next(w watch.Interface) watch.Event {
	for {
		select {
		case e, ok := <-w.ResultChan():
			if ok && e.Type == watch.Bookmark {
				continue
			}
			return e
		case <-time.After(check.Patience):
			return watch.Event{}
		}
	}
}

func nameOf(e watch.Event) string {
	o, err := metaOf(e.Object)
	if err != nil {
		return ""
	}
	return string(e.Type) + " " + o.GetName()
}

func metaOf(o any) (metav1.Object, error) {
	if m, ok := o.(metav1.Object); ok {
		return m, nil
	}
	return nil, apierrors.NewBadRequest("no object")
}

func watches(ctx context.Context, c clients) {
	ns := check.Namespace
	start := check.Must(c.pools.List(ctx, metav1.ListOptions{Limit: 1})).GetResourceVersion()
	mine := metav1.ListOptions{ResourceVersion: start, LabelSelector: "seen=yes", AllowWatchBookmarks: true}
	w := check.Must(c.pools.Watch(ctx, mine))
	o := skerry.Loose(ns, "watched", 1)
	o.SetLabels(map[string]string{"seen": "yes"})
	made := check.Must(c.pools.Create(ctx, o, metav1.CreateOptions{}))
	check.Must(c.pools.Patch(ctx, "watched", types.MergePatchType, []byte(`{"spec":{"replicas":2}}`), metav1.PatchOptions{}))
	check.Must(c.pools.Patch(ctx, "watched", types.MergePatchType, []byte(`{"metadata":{"labels":{"seen":"no"}}}`), metav1.PatchOptions{}))
	check.Must(c.pools.Patch(ctx, "watched", types.MergePatchType, []byte(`{"metadata":{"labels":{"seen":"yes"}}}`), metav1.PatchOptions{}))
	var saw []string
	for range 4 {
		saw = append(saw, nameOf(next(w)))
	}
	w.Stop()
	check.That("watch with a selector: in, changed, out, in again", len(saw) == 4 && saw[0] == "ADDED watched" && saw[1] == "MODIFIED watched" && saw[2] == "DELETED watched" && saw[3] == "ADDED watched", saw)

	w = check.Must(c.pools.Watch(ctx, metav1.ListOptions{ResourceVersion: made.GetResourceVersion(), LabelSelector: "seen=yes"}))
	e := next(w)
	w.Stop()
	check.That("watch from a version goes on after it", e.Type == watch.Modified, nameOf(e))

	w = check.Must(c.pools.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=watched"}))
	e = next(w)
	w.Stop()
	check.That("watch without a version begins with what is there", nameOf(e) == "ADDED watched", nameOf(e))

	began := time.Now()
	w = check.Must(c.pools.Watch(ctx, metav1.ListOptions{ResourceVersion: start, TimeoutSeconds: ptr.To[int64](1), FieldSelector: "metadata.name=nobody"}))
	_, open := <-w.ResultChan()
	check.That("timeoutSeconds ends a watch", !open && time.Since(began) < 5*time.Second, time.Since(began))

	w = check.Must(c.pools.Watch(ctx, metav1.ListOptions{SendInitialEvents: ptr.To(true), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true, LabelSelector: "seen=yes"}))
	var order []string
	for len(order) == 0 || order[len(order)-1] == "ADDED" {
		e, ok := <-w.ResultChan()
		if !ok || len(order) > 100 {
			break
		}
		order = append(order, string(e.Type))
		if e.Type == watch.Bookmark {
			m := e.Object.(*unstructured.Unstructured)
			check.That("WatchList: what is there, then the bookmark that ends it", len(order) == 2 && m.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true", order, m.GetAnnotations())
		}
	}
	w.Stop()

	slim := check.Must(metadata.NewForConfig(c.config)).Resource(skerry.NodePools).Namespace(ns)
	w = check.Must(slim.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=watched"}))
	e = next(w)
	_, isSlim := e.Object.(*metav1.PartialObjectMetadata)
	w.Stop()
	check.That("watch of metadata only", e.Type == watch.Added && isSlim, e)

	rw := check.Must(watchtools.NewRetryWatcherWithContext(ctx, start, watcher{c, "metadata.name=watched"}))
	e = next(rw)
	rw.Stop()
	check.That("RetryWatcher", nameOf(e) == "ADDED watched", nameOf(e))
}

type watcher struct {
	c     clients
	field string
}

func (w watcher) Watch(o metav1.ListOptions) (watch.Interface, error) {
	return w.WatchWithContext(context.Background(), o)
}
func (w watcher) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	o.FieldSelector = w.field
	return w.c.pools.Watch(ctx, o)
}
