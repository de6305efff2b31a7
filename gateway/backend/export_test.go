package backend

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/resolver"
)

// Simulate returns a client of a service that is a function.
func Simulate(c Config, service func(context.Context, *Call) ([]byte, error)) *Client {
	client := &Client{name: c.Name, circuit: newCircuit(c.Name, c.Logger), limit: newLimit(c.Name, c.Concurrency)}
	client.retries.Retries, client.retries.once = c.Retries, service
	return client
}

// DialOver is Dial with options of a test's.
func DialOver(c Config, options ...grpc.DialOption) (*Client, error) { return dial(c, options...) }

// PauseAfter is pauseAfter.
func PauseAfter(err error, tries int, ended bool) (pause time.Duration, again bool) {
	return pauseAfter(err, tries, ended)
}

// LookOften is an option that has names looked up so often, whether they lead anywhere or not.
func LookOften(every time.Duration) grpc.DialOption {
	return grpc.WithResolvers(eager{resolver.Get("dns"), every, every})
}
