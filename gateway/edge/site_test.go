package edge_test

import (
	"crypto/tls"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn/authntest"
	"github.com/intentgate/intentgate/gateway/edge"
)

// TestSiteIsHeld has many hold a site while it is retired: it ends once, when the last of them is through, and nobody holds it after.
func TestSiteIsHeld(t *testing.T) {
	for range 200 {
		var site edge.Site
		for range 2 { // as a turn does, and its call
			if !site.Hold() {
				t.Fatal("it cannot be held")
			}
		}
		var unused <-chan struct{}
		var late atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for site.Hold() {
					late.Add(1)
					site.Release()
				}
			})
		}
		unused = site.Retire()
		site.Release()
		select {
		case <-unused:
			t.Fatal("it ends while it is held")
		default:
		}
		site.Release()
		<-unused
		all.Wait()
		if site.Hold() {
			t.Fatal("it is held after its end")
		}
	}
	if _, open := <-new(edge.Site).Retire(); open {
		t.Error("a site that nobody holds does not end")
	}
}

// TestSiteIsReplaced replaces what is served in the middle of a request: it ends as it began, and the next one on its connection,
// and the next handshake, go by the new site.
func TestSiteIsReplaced(t *testing.T) {
	pki := authntest.New(t)
	var current atomic.Pointer[edge.Site]
	asked, finish := make(chan struct{}), make(chan struct{})
	f := start(t, pki, func(c *edge.Config) {
		site := c.Site()
		current.Store(site)
		c.Site = current.Load
		answer, first := site.Handler, true
		site.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if first {
				first = false
				asked <- struct{}{}
				<-finish
			}
			answer.ServeHTTP(w, r) // with the names of the profiles
		})
	})
	old := current.Load()
	other := authntest.New(t)
	trust := other.Trust()
	if err := trust.Replace(other.Profile("other"), pki.Profile("renamed")); err != nil {
		t.Fatal(err)
	}
	profiles := func(client *http.Client) string {
		_, body, err := f.post(client)
		if err != nil {
			t.Error(err)
		}
		return body
	}
	client := f.client(f.clientConfig(pki.Client().TLS()), false)
	slow := make(chan string, 1)
	go func() { slow <- profiles(client) }()
	<-asked
	certificate := old.Certificate()
	shown := make(chan struct{}, 9)
	current.Store(&edge.Site{Trust: trust, Handler: old.Handler, Certificate: func() *tls.Certificate {
		shown <- struct{}{}
		return certificate
	}})
	unused := old.Retire()
	select {
	case <-unused:
		t.Error("a request is still under way")
	default:
	}
	close(finish)
	if got := <-slow; got != "dev" {
		t.Errorf("the request that was under way is of %q", got)
	}
	<-unused
	if got := profiles(client); got != "renamed" || len(shown) != 0 {
		t.Errorf("the next one on its connection is of %q, with %d handshakes", got, len(shown))
	}
	if got := profiles(f.client(f.clientConfig(other.Client().TLS()), false)); got != "other" || len(shown) != 1 {
		t.Errorf("another one is of %q, with %d handshakes", got, len(shown))
	}
}
