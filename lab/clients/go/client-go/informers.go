package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/features"
	kubeinformers "k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

// log is what handlers of an informer were told.
type log struct {
	sync.Mutex
	lines map[string]int
}

func (l *log) add(line string) { l.Lock(); l.lines[line]++; l.Unlock() }
func (l *log) count(line string) int {
	l.Lock()
	defer l.Unlock()
	return l.lines[line]
}

func isList(q string) bool {
	return strings.HasPrefix(q, "GET ") && strings.Contains(q, "/nodepools") && !strings.Contains(q, "watch=true")
}
func isWatchList(q string) bool {
	return strings.Contains(q, "sendInitialEvents=true") && strings.Contains(q, "/nodepools")
}

func informers(ctx context.Context, c clients) {
	check.That("WatchList is on, as client-go has it by default", features.FeatureGates().Enabled(features.WatchListClient))
	informed(ctx, c)
	informedByLists(ctx, c)
}

func informed(ctx context.Context, c clients) {
	ns := check.Namespace
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c.asked.forget()
	told := &log{lines: map[string]int{}}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(c.dynamic, 0, ns, nil)
	informer := factory.ForResource(skerry.NodePools).Informer()
	handler := check.Must(informer.AddEventHandlerWithResyncPeriod(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { told.add("add " + o.(metav1.Object).GetName()) },
		UpdateFunc: func(_, o any) { told.add("update " + o.(metav1.Object).GetName()) },
		DeleteFunc: func(o any) {
			if d, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = d.Obj
			}
			told.add("delete " + o.(metav1.Object).GetName())
		},
	}, time.Hour))
	factory.Start(ctx.Done())
	check.That("informer syncs", cache.WaitForCacheSync(ctx.Done(), handler.HasSynced))
	check.That("by WatchList, without a list", len(c.asked.those(isWatchList)) == 1 && len(c.asked.those(isList)) == 0, c.asked.those(func(string) bool { return true }))
	real := check.Must(c.pools.List(ctx, metav1.ListOptions{}))
	check.That("its store is what the server has", len(informer.GetStore().ListKeys()) == len(real.Items), len(informer.GetStore().ListKeys()), len(real.Items))
	cached, err := factory.ForResource(skerry.NodePools).Lister().ByNamespace(ns).List(labels.Everything())
	check.That("lister", err == nil && len(cached) == len(real.Items), err)

	saw := func(line string) bool { return check.Until(ctx, func() bool { return told.count(line) > 0 }) }
	check.Must(c.pools.Create(ctx, skerry.Loose(ns, "informed", 1), metav1.CreateOptions{}))
	check.That("informer sees a creation", saw("add informed"))
	check.Must(c.pools.Patch(ctx, "informed", types.MergePatchType, []byte(`{"spec":{"replicas":2}}`), metav1.PatchOptions{}))
	check.That("informer sees a change", saw("update informed"))

	kube := kubeinformers.NewSharedInformerFactoryWithOptions(c.kube, 0)
	spaces := kube.Core().V1().Namespaces().Informer()
	leases := kube.Coordination().V1().Leases().Informer()
	kube.StartWithContext(ctx)
	check.That("typed informers of Namespaces and Leases", cache.WaitForCacheSync(ctx.Done(), spaces.HasSynced, leases.HasSynced) && len(spaces.GetStore().ListKeys()) > 0)

	c.asked.forget()
	check.NoError("the server is killed and comes back", check.Restart())
	name := fmt.Sprintf("after-restart-%d", time.Now().Unix())
	check.Until(ctx, func() bool {
		_, err = c.pools.Create(ctx, skerry.Loose(ns, name, 1), metav1.CreateOptions{})
		return err == nil
	})
	check.NoError("write after the restart", err)
	check.That("informer sees it", saw("add "+name))
	// kube-apiserver begins with an empty watch cache and has informers list anew.
	check.That("informer went on without listing again", os.Getenv("RESUMES") == "" || len(c.asked.those(isList)) == 0 && len(c.asked.those(isWatchList)) == 0 && told.count("delete informed") == 0, c.asked.those(func(q string) bool { return isList(q) || isWatchList(q) }))
	check.That("nothing was told twice", told.count("add informed") == 1, told.count("add informed"))
	check.NoError("delete", c.pools.Delete(ctx, "informed", metav1.DeleteOptions{}))
	check.That("informer sees a deletion", saw("delete informed"))
}

// noStream is a source that may not be streamed.
type noStream struct{ *cache.ListWatch }

func (noStream) IsWatchListSemanticsUnSupported() bool { return true }

// informedByLists is a reflector that may not stream: list, then watch.
func informedByLists(ctx context.Context, c clients) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c.asked.forget()
	lw := cache.NewFilteredListWatchFromClient(c.typed, "nodepools", check.Namespace, func(*metav1.ListOptions) {})
	informer := cache.NewSharedIndexInformer(noStream{lw}, &skerry.NodePool{}, 300*time.Millisecond, cache.Indexers{})
	told := &log{lines: map[string]int{}}
	check.Must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(old, o any) {
		if old.(metav1.Object).GetResourceVersion() == o.(metav1.Object).GetResourceVersion() {
			told.add("resync")
		}
	}}))
	go informer.RunWithContext(ctx)
	check.That("typed informer by list and watch", cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) && len(c.asked.those(isList)) > 0 && len(c.asked.those(isWatchList)) == 0, c.asked.those(isWatchList))
	check.That("it resyncs", check.Until(ctx, func() bool { return told.count("resync") > 0 }))
}
