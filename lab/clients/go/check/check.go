// Package check says what was tried and whether it worked, in the lines that lab/clients reads, and finds the server.
package check

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Patience is how long anything may take that is waited for.
const Patience = 20 * time.Second

// Namespace is where the programs work.
var Namespace = os.Getenv("NAMESPACE")

var (
	failed int
	stdin  = bufio.NewReader(os.Stdin)
)

// That prints one line. A failed check does not end the program: what comes after may still be of interest.
func That(what string, ok bool, detail ...any) {
	if ok {
		fmt.Println("ok   " + what)
		return
	}
	failed++
	fmt.Printf("FAIL %s: %s\n", what, strings.ReplaceAll(fmt.Sprint(detail...), "\n", " "))
}

// NoError is That for calls that only must succeed.
func NoError(what string, err error) { That(what, err == nil, err) }

// Must ends the program when something cannot even be prepared.
func Must[T any](value T, err error) T {
	if err != nil {
		That("preparation", false, err)
		End()
	}
	return value
}

// Until asks until it holds or patience ends.
func Until(ctx context.Context, holds func() bool) bool {
	for end := time.Now().Add(Patience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

// End is how a program ends.
func End() {
	if failed > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}

// Config is of one of the two that a server knows: "people", who write specs, and "site", which writes status.
func Config(who string) *rest.Config {
	return Must(clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), &clientcmd.ConfigOverrides{CurrentContext: who}).ClientConfig())
}

// Restart has the server killed and started again, and comes back when it answers.
func Restart() error {
	fmt.Println("RESTART")
	line, err := stdin.ReadString('\n')
	if err == nil && strings.TrimSpace(line) != "restarted" {
		err = fmt.Errorf("the server was not restarted: %s", line)
	}
	return err
}
