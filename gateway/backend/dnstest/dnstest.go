// Package dnstest is a name server for tests: the names of services whose instances come and go.
package dnstest

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Server is a name server. Its methods may be called concurrently.
type Server struct {
	// Address is its host and port, as the authority of a target: dns://ADDRESS/orders.internal:8443.
	Address string

	asked atomic.Int64

	mu    sync.Mutex
	names map[string][]netip.Addr
}

// Start starts a name server that ends with the test and knows no name.
func Start(tb testing.TB) *Server {
	tb.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Address: conn.LocalAddr().String(), names: map[string][]netip.Addr{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return // it is closed
			}
			if answer, err := s.answer(buffer[:n]); err == nil { // else it was no question
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	tb.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return s
}

// Set says what addresses, of IPv4, a name has from now on.
func (s *Server) Set(name string, addresses ...string) {
	parsed := make([]netip.Addr, 0, len(addresses))
	for _, address := range addresses {
		parsed = append(parsed, netip.MustParseAddr(address))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name+"."] = parsed
}

// Asked is how many questions there were so far.
func (s *Server) Asked() int64 { return s.asked.Load() }

// answer answers the question in a packet. A name without addresses is one that there is not.
func (s *Server) answer(packet []byte) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(packet); err != nil {
		return nil, err
	}
	message.Response, message.Authoritative, message.Additionals = true, true, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked.Add(1)
	for _, question := range message.Questions {
		addresses := s.names[question.Name.String()]
		if len(addresses) == 0 {
			message.RCode = dnsmessage.RCodeNameError
		}
		if question.Type != dnsmessage.TypeA {
			continue
		}
		for _, address := range addresses {
			message.Answers = append(message.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class},
				Body:   &dnsmessage.AResource{A: address.As4()},
			})
		}
	}
	return message.Pack()
}
