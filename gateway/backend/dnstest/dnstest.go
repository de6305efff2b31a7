// Package dnstest is a name server for tests: the names of services whose instances come and go.
package dnstest

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// ServeTCP answers questions over TCP, too, at the address that it returns.
func (s *Server) ServeTCP(tb testing.TB) (address string) {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it is closed
			}
			served.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				for s.answerTCP(conn) == nil { // the end, at last
				}
			})
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		served.Wait()
	})
	return listener.Addr().String()
}

// answerTCP answers a question with its length before it.
func (s *Server) answerTCP(conn net.Conn) error {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	packet := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, packet); err != nil {
		return err
	}
	answer, err := s.answer(packet)
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)) //nolint:gosec // it fits
	return err
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
