// Load for one namespaced resource on any Kubernetes-shaped server, one phase a run. Standard library only, so that the client takes
// little of the machine that it shares with the server. It writes "ready", waits for a line on its input, does the phase, writes what it
// measured as one line of JSON, and waits again before it ends: whoever runs it reads the server's CPU and memory in between.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	phase    = flag.String("phase", "create", "warm-up (creates nothing), create, update, apply, get, list, table, pages, watch")
	server   = flag.String("server", "", "https://host:port")
	cert     = flag.String("cert", "", "files: the server's authority, and the client's certificate and key")
	path     = flag.String("path", "", "of the collection")
	template = flag.String("template", "", "file: one object as JSON with %NAME%, %VERSION% and %MARK% in it")
	count    = flag.Int("n", 1000, "objects")
	conns    = flag.Int("c", 16, "connections that write and get (HTTP/1.1, one request at a time on each)")
	times    = flag.Int("times", 10, "how often a list is read")
	watchers = flag.Int("w", 1000, "watches")
	sessions = flag.Int("wc", 16, "HTTP/2 connections that the watches share")
	events   = flag.Int("e", 200, "updates while the watches are open")
	rate     = flag.Int("r", 10, "updates a second")
)

// The token, if any, comes by the environment: arguments can be read by everybody on the machine.
var token = os.Getenv("LOAD_TOKEN")

type result struct {
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	P50        float64 `json:"p50Ms"`
	P99        float64 `json:"p99Ms"`
	Errors     int     `json:"errors"`
	First      string  `json:"firstError,omitempty"`
	Bytes      int     `json:"bytes,omitempty"`
	Delivered  int     `json:"delivered,omitempty"`
	Expected   int     `json:"expected,omitempty"`
	ClientCPU  float64 `json:"clientCpuMs"`
}

// cpu is what this process has used, in milliseconds.
func cpu() float64 {
	var u syscall.Rusage
	fail("rusage", syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func tlsConfig() *tls.Config {
	t := &tls.Config{}
	if *cert != "" {
		ca, err := os.ReadFile(*cert + "/ca.crt")
		fail("authority", err)
		t.RootCAs = x509.NewCertPool()
		t.RootCAs.AppendCertsFromPEM(ca)
		if _, err := os.Stat(*cert + "/client.crt"); err == nil {
			pair, err := tls.LoadX509KeyPair(*cert+"/client.crt", *cert+"/client.key")
			fail("client certificate", err)
			t.Certificates = []tls.Certificate{pair}
		}
	}
	return t
}

// conn is one HTTP/1.1 connection with one request at a time on it. The client of net/http takes two goroutines and some thirty
// allocations for a request, on the cores for which the server competes.
type conn struct {
	socket *tls.Conn
	in     *bufio.Reader
	out    []byte
	body   bytes.Buffer
}

func (c *conn) close() {
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}

// do answers the body, which is good until the next call.
func (c *conn) do(method, url, contentType, accept string, body []byte) ([]byte, error) {
	if c.socket == nil {
		socket, err := tls.Dial("tcp", strings.TrimPrefix(*server, "https://"), tlsConfig())
		if err != nil {
			return nil, err
		}
		c.socket, c.in = socket, bufio.NewReader(socket)
	}
	c.out = fmt.Appendf(c.out[:0], "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: %s\r\n", method, url, strings.TrimPrefix(*server, "https://"), accept)
	if token != "" {
		c.out = fmt.Appendf(c.out, "Authorization: Bearer %s\r\n", token)
	}
	if contentType != "" {
		c.out = fmt.Appendf(c.out, "Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	c.body.Reset()
	status, err := c.exchange()
	if err != nil {
		c.close()
		return nil, err
	}
	text := c.body.Bytes()
	if status > 299 {
		return text, fmt.Errorf("%d: %s", status, text[:min(len(text), 300)])
	}
	return text, nil
}

func (c *conn) exchange() (int, error) {
	if _, err := c.socket.Write(c.out); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	_, err = c.body.ReadFrom(answer.Body)
	if answer.Close {
		c.close()
	}
	return answer.StatusCode, err
}

// wait tells that everything is prepared and goes on when told to.
func wait(what string) { fmt.Println(what); bufio.NewReader(os.Stdin).ReadString('\n') }

func name(i int) string { return fmt.Sprintf("load-%06d", i) }

// fill makes an object of the template.
func fill(text []byte, i int, version, mark string) []byte {
	for _, each := range [][2]string{{"%NAME%", name(i)}, {"%VERSION%", version}, {"%MARK%", mark}} {
		text = bytes.Replace(text, []byte(each[0]), []byte(each[1]), -1)
	}
	return text
}

func at(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(float64(len(sorted)-1)*q)].Microseconds()) / 1000
}

func report(r result, took []time.Duration) {
	slices.Sort(took)
	r.P50, r.P99 = at(took, 0.5), at(took, 0.99)
	line, _ := json.Marshal(r)
	wait(string(line))
}

// each runs `one` for 0 to n-1 over all connections.
func each(n, workers int, one func(c *conn, i int) error) {
	all := make([]conn, workers)
	var next atomic.Int64
	var failed atomic.Int64
	var first atomic.Value
	took := make([]time.Duration, n)
	var group sync.WaitGroup
	// Connections are made before the clock starts.
	for w := range all {
		group.Add(1)
		go func() { defer group.Done(); all[w].do("GET", "/readyz", "", "*/*", nil) }()
	}
	group.Wait()
	wait("ready")
	begun, before := time.Now(), cpu()
	for w := range all {
		c := &all[w]
		group.Add(1)
		go func() {
			defer group.Done()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				at := time.Now()
				if err := one(c, i); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, err.Error())
				}
				took[i] = time.Since(at)
			}
		}()
	}
	group.Wait()
	text, _ := first.Load().(string)
	report(result{Operations: n, Seconds: time.Since(begun).Seconds(), Errors: int(failed.Load()), First: text, ClientCPU: (cpu() - before) / float64(n)}, took)
}

type listing struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	Items []struct {
		Metadata struct {
			Name            string `json:"name"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	} `json:"items"`
}

func list(query string) listing {
	var c conn
	defer c.close()
	text, err := c.do("GET", *path+query, "", "application/json", nil)
	fail("list", err)
	var l listing
	fail("list", json.Unmarshal(text, &l))
	return l
}

func read(accept string, pages bool) {
	size := 0
	each(*times, 1, func(c *conn, _ int) error {
		query := ""
		if pages {
			query = "?limit=500"
		}
		for {
			text, err := c.do("GET", *path+query, "", accept, nil)
			if err != nil {
				return err
			}
			size = max(size, len(text))
			if !pages {
				return nil
			}
			var l listing
			if err := json.Unmarshal(text, &l); err != nil {
				return err
			}
			if l.Metadata.Continue == "" {
				return nil
			}
			query = "?limit=500&continue=" + l.Metadata.Continue
		}
	})
}

const mark = "mark-"

type seen struct {
	mark string
	at   time.Time
}

// follow opens all watches, changes objects at the given rate, and measures from the sending of a change to its arrival at each watcher.
func follow(text []byte) {
	version := list("?limit=1").Metadata.ResourceVersion
	writers := make(chan *conn, *conns)
	for range *conns {
		c := &conn{}
		c.do("GET", "/readyz", "", "*/*", nil)
		writers <- c
	}
	all := make([][]seen, *watchers)
	var open, done sync.WaitGroup
	var failed atomic.Int64
	pool := make([]*http.Client, *sessions)
	for i := range pool {
		pool[i] = &http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig(), MaxConnsPerHost: 1, ForceAttemptHTTP2: true, DisableCompression: true}}
	}
	bodies := make([]io.Closer, *watchers)
	for i := range *watchers {
		open.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			request, err := http.NewRequest("GET", *server+*path+"?watch=1&allowWatchBookmarks=true&resourceVersion="+version, nil)
			fail("request", err)
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			request.Header.Set("Accept", "application/json")
			answer, err := pool[i%*sessions].Do(request)
			if err != nil || answer.StatusCode != 200 {
				failed.Add(1)
				open.Done()
				return
			}
			bodies[i] = answer.Body
			open.Done()
			lines := bufio.NewReaderSize(answer.Body, 8192)
			for {
				line, err := lines.ReadBytes('\n')
				if err != nil {
					return
				}
				now := time.Now()
				if j := bytes.Index(line, []byte(mark)); j >= 0 && bytes.HasPrefix(line, []byte(`{"type":"MODIFIED"`)) {
					all[i] = append(all[i], seen{string(line[j : j+bytes.IndexByte(line[j:], '"')]), now})
				}
			}
		}()
	}
	open.Wait()
	time.Sleep(2 * time.Second)
	wait("ready")
	begun := time.Now()
	sent := make(map[string]time.Time, *events)
	tick := time.NewTicker(time.Second / time.Duration(*rate))
	var group sync.WaitGroup
	var wrong atomic.Int64
	for i := range *events {
		<-tick.C
		m := mark + strconv.Itoa(i)
		sent[m] = time.Now()
		group.Add(1)
		go func() {
			defer group.Done()
			c := <-writers
			defer func() { writers <- c }()
			if _, err := c.do("PATCH", *path+"/"+name(i%*count), "application/merge-patch+json", "application/json", fill(text, i, "", m)); err != nil {
				wrong.Add(1)
			}
		}()
	}
	group.Wait()
	time.Sleep(3 * time.Second)
	spent := time.Since(begun).Seconds()
	for _, b := range bodies {
		if b != nil {
			defer b.Close()
		}
	}
	// The watches stay open while memory is read: their records are copied, not ended.
	var took []time.Duration
	for i := range all {
		for _, s := range all[i] {
			took = append(took, s.at.Sub(sent[s.mark]))
		}
	}
	report(result{Operations: *events, Seconds: spent, Errors: int(failed.Load() + wrong.Load()), Delivered: len(took), Expected: *events * *watchers}, took)
}

func main() {
	flag.Parse()
	var text []byte
	if *template != "" {
		b, err := os.ReadFile(*template)
		fail("template", err)
		text = b
	}
	const asJSON = "application/json"
	switch *phase {
	case "warm-up":
		each(*count, *conns, func(c *conn, i int) error {
			_, err := c.do("POST", *path+"?fieldManager=load&dryRun=All", asJSON, asJSON, fill(text, i, "", "0"))
			return err
		})
	case "create":
		each(*count, *conns, func(c *conn, i int) error {
			_, err := c.do("POST", *path+"?fieldManager=load", asJSON, asJSON, fill(text, i, "", "0"))
			return err
		})
	case "update":
		versions := map[string]string{}
		for _, o := range list("").Items {
			versions[o.Metadata.Name] = o.Metadata.ResourceVersion
		}
		each(*count, *conns, func(c *conn, i int) error {
			_, err := c.do("PUT", *path+"/"+name(i)+"?fieldManager=load", asJSON, asJSON, fill(text, i, versions[name(i)], "updated"))
			return err
		})
	case "apply":
		each(*count, *conns, func(c *conn, i int) error {
			_, err := c.do("PATCH", *path+"/"+name(i)+"?fieldManager=load-apply&force=true", "application/apply-patch+yaml", asJSON, fill(text, i, "", "applied"))
			return err
		})
	case "get":
		each(*count, *conns, func(c *conn, i int) error {
			_, err := c.do("GET", *path+"/"+name(i), "", asJSON, nil)
			return err
		})
	case "list":
		read(asJSON, false)
	case "table":
		read("application/json;as=Table;v=v1;g=meta.k8s.io", false)
	case "pages":
		read(asJSON, true)
	case "watch":
		follow(text)
	default:
		fail("phase", fmt.Errorf("there is no %s", *phase))
	}
}
