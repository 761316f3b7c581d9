// client-go as operators use it: typed, dynamic and metadata clients, informers, leader election, events.
package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"skerry.dev/lab/clients/check"
	"skerry.dev/lab/clients/skerry"
)

// recorder remembers what was asked, so that a program can say that it did not list again.
type recorder struct {
	sync.Mutex
	asked []string
}

func (r *recorder) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(q *http.Request) (*http.Response, error) {
		r.Lock()
		r.asked = append(r.asked, q.Method+" "+q.URL.RequestURI())
		r.Unlock()
		return next.RoundTrip(q)
	})
}
func (r *recorder) forget() { r.Lock(); r.asked = nil; r.Unlock() }
func (r *recorder) those(is func(string) bool) (out []string) {
	r.Lock()
	defer r.Unlock()
	for _, one := range r.asked {
		if is(one) {
			out = append(out, one)
		}
	}
	return out
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// clients is what the checks work with.
type clients struct {
	config   *rest.Config
	asked    *recorder
	kube     *kubernetes.Clientset
	dynamic  dynamic.Interface
	pools    dynamic.ResourceInterface
	sitePool dynamic.ResourceInterface
	typed    *rest.RESTClient
}

func newClients() clients {
	asked := &recorder{}
	config := check.Config("people")
	config.Wrap(asked.wrap)
	config.QPS, config.Burst = 500, 500
	site := check.Config("site")

	scheme := runtime.NewScheme()
	check.Must(0, skerry.AddToScheme(scheme))
	ours := rest.CopyConfig(config)
	ours.GroupVersion, ours.APIPath = &skerry.GroupVersion, "/apis"
	ours.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()

	of := func(c *rest.Config) dynamic.ResourceInterface {
		return check.Must(dynamic.NewForConfig(c)).Resource(skerry.NodePools).Namespace(check.Namespace)
	}
	return clients{
		config: config, asked: asked, kube: check.Must(kubernetes.NewForConfig(config)), dynamic: check.Must(dynamic.NewForConfig(config)),
		pools: of(config), sitePool: of(site), typed: check.Must(rest.RESTClientFor(ours)),
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	c := newClients()
	discover(ctx, c)
	objects(ctx, c)
	patches(ctx, c)
	apply(ctx, c)
	lists(ctx, c)
	watches(ctx, c)
	deletions(ctx, c)
	events(ctx, c)
	elections(ctx, c)
	informers(ctx, c)
	check.End()
}
