package main

import (
	"context"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"skerry.dev/lab/clients/check"
)

func elections(ctx context.Context, c clients) {
	var leading, atOnce atomic.Int32
	candidate := func(ctx context.Context, who string, led chan<- string) <-chan struct{} {
		ended := make(chan struct{})
		lock := &resourcelock.LeaseLock{LeaseMeta: metav1.ObjectMeta{Name: "election", Namespace: check.Namespace}, Client: c.kube.CoordinationV1(), LockConfig: resourcelock.ResourceLockConfig{Identity: who}}
		elector := check.Must(leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: lock, ReleaseOnCancel: true, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) {
					if leading.Add(1) > 1 {
						atOnce.Add(1)
					}
					led <- who
				},
				OnStoppedLeading: func() { leading.Store(0) },
			},
		}))
		go func() { elector.Run(ctx); close(ended) }()
		return ended
	}
	led := make(chan string, 8)
	who := func() string {
		select {
		case one := <-led:
			return one
		case <-time.After(check.Patience):
			return "nobody"
		}
	}
	first, endFirst := context.WithCancel(ctx)
	endedFirst := candidate(first, "first", led)
	check.That("a candidate leads", who() == "first")
	second, endSecond := context.WithCancel(ctx)
	endedSecond := candidate(second, "second", led)
	time.Sleep(3500 * time.Millisecond)
	check.That("it renews, and the other waits", len(led) == 0 && leading.Load() == 1)
	endFirst()
	<-endedFirst
	check.That("it lets go, and the other leads", who() == "second" && atOnce.Load() == 0)
	lease, err := c.kube.CoordinationV1().Leases(check.Namespace).Get(ctx, "election", metav1.GetOptions{})
	check.That("the Lease says who and how often", err == nil && *lease.Spec.HolderIdentity == "second" && *lease.Spec.LeaseTransitions >= 1, err)
	endSecond()
	<-endedSecond
	check.NoError("a Lease is deleted", c.kube.CoordinationV1().Leases(check.Namespace).Delete(ctx, "election", metav1.DeleteOptions{}))
}
