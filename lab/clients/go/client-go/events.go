package main

import (
	"context"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	newevents "k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

func events(ctx context.Context, c clients) {
	ns := check.Namespace
	pool := check.Must(c.pools.Create(ctx, skerry.Loose(ns, "eventful", 1), metav1.CreateOptions{}))
	scheme := runtime.NewScheme()
	check.Must(0, skerry.AddToScheme(scheme))
	of := func(reason string) func() int {
		return func() int {
			l, err := c.kube.CoreV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=eventful,reason=" + reason})
			if err != nil || len(l.Items) != 1 {
				return -1
			}
			if l.Items[0].Series != nil {
				return int(l.Items[0].Series.Count)
			}
			return int(l.Items[0].Count)
		}
	}

	old := record.NewBroadcaster(record.WithContext(ctx))
	old.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: c.kube.CoreV1().Events(ns)})
	recorder := old.NewRecorder(scheme, core.EventSource{Component: "clients"})
	for range 3 {
		recorder.Event(pool, core.EventTypeNormal, "Recorded", "by the old recorder")
		time.Sleep(50 * time.Millisecond)
	}
	check.That("event recorder of core/v1, the same again counts", check.Until(ctx, func() bool { return of("Recorded")() == 3 }), of("Recorded")())
	old.Shutdown()

	young := newevents.NewBroadcaster(&newevents.EventSinkImpl{Interface: c.kube.EventsV1()})
	check.Must(0, young.StartRecordingToSinkWithContext(ctx))
	another := young.NewRecorder(scheme, "clients.test/recorder")
	for range 2 {
		another.Eventf(pool, nil, core.EventTypeNormal, "RecordedAnew", "Testing", "by the recorder of events.k8s.io")
	}
	check.That("event recorder of events.k8s.io/v1, the same again is a series", check.Until(ctx, func() bool { return of("RecordedAnew")() == 2 }), of("RecordedAnew")())
	young.Shutdown()

	l, err := c.kube.EventsV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "regarding.name=eventful"})
	check.That("both groups show the same events", err == nil && len(l.Items) == 2, err)
	w, err := c.kube.CoreV1().Events(ns).Watch(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=eventful"})
	if err == nil {
		err = ctx.Err()
		e := next(w)
		_, is := e.Object.(*core.Event)
		check.That("watch of events", is, e)
		w.Stop()
	}
	check.NoError("watch of events begins", err)
}
