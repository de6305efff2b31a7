package backend_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/backend"
)

// Streams as the client numbers them, the health check being its first.
const (
	healthStream = 1
	firstStream  = 3
	secondStream = 5
)

// TestStalledPeerReadsOnlyItsOwnRequest gives a call up while its request is half written, to a peer that takes no
// more, and makes another one before the peer goes on: what then still comes on the first call's stream must be the
// first call's bytes.
func TestStalledPeerReadsOnlyItsOwnRequest(t *testing.T) {
	const size = 1 << 20
	hop := newHop(t)
	stall := &stall{hop.gateway.ClientCredentials(serviceName), new(atomic.Int32), make(chan struct{}), make(chan struct{})}
	address, bodies := listenRaw(t, &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{*hop.service.Certificate()},
	}, size)
	client := dial(t, backend.Config{
		Target:      address,
		Credentials: func(string) credentials.TransportCredentials { return stall },
	})
	client.await(t, connectivity.Ready)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	firstCtx, giveUp := context.WithCancel(ctx)
	call := func(ctx context.Context, fill byte) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := client.Invoke(ctx, &backend.Call{Method: method, Request: bytes.Repeat([]byte{fill}, size)})
			done <- err
		}()
		return done
	}
	first := call(firstCtx, 'A')
	select {
	case <-stall.stalled:
	case err := <-first:
		t.Fatalf("the peer did not stall: %v", err)
	}
	giveUp()
	if err := <-first; status.Code(err) != codes.Canceled {
		t.Fatalf("error is %v, want CANCELED", err)
	}
	second := call(ctx, 'B')
	close(stall.goOn)
	got := <-bodies
	cancel() // the peer answers nothing
	if err := <-second; status.Code(err) != codes.Canceled {
		t.Errorf("error is %v, want CANCELED", err)
	}
	for stream, fill := range map[uint32]string{firstStream: "A", secondStream: "B"} {
		body := got[stream]
		if len(body) < stallAfter*writeBuffer {
			t.Fatalf("stream %d brought %d bytes, want the half of a request at least", stream, len(body))
		}
		body = body[5:] // the length of the message
		if own := bytes.Count(body, []byte(fill)); own != len(body) {
			t.Errorf("stream %d brought %d bytes, of which %d are not its own", stream, len(body), len(body)-own)
		}
	}
}

const (
	// writeBuffer is what grpc collects before it writes. Frames of 16 KiB do not fit in evenly, so that behind a write
	// that stalls there is always the rest of a frame that is still to be read from the request.
	writeBuffer = 32 << 10
	// stallAfter is the number of full buffers that the peer takes.
	stallAfter = 15
)

// stall is credentials whose connections, in the middle of the first large request, write nothing until told to.
type stall struct {
	credentials.TransportCredentials
	full    *atomic.Int32 // buffers written in full
	stalled chan struct{} // closed by the write that stalls
	goOn    chan struct{} // closed to end that
}

func (s *stall) Clone() credentials.TransportCredentials { return s }

func (s *stall) ClientHandshake(ctx context.Context, name string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := s.TransportCredentials.ClientHandshake(ctx, name, conn)
	if err != nil {
		return nil, nil, err
	}
	return stallingConn{secure, s}, info, nil
}

type stallingConn struct {
	net.Conn
	*stall
}

func (c stallingConn) Write(p []byte) (int, error) {
	if len(p) == writeBuffer && c.full.Add(1) == stallAfter+1 {
		close(c.stalled)
		select {
		case <-c.goOn:
		case <-time.After(patience):
		}
	}
	return c.Conn.Write(p)
}

// listenRaw starts a peer that speaks just enough HTTP/2 to be sent requests as fast as they come, and gives what each
// stream brought once the second request is complete.
func listenRaw(t *testing.T, config *tls.Config, size int) (address string, bodies <-chan map[uint32][]byte) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got, done := make(chan map[uint32][]byte, 1), make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Errorf("set a deadline: %v", err)
		}
		bodies, err := readRaw(tls.Server(conn, config), 5+size)
		if err != nil {
			t.Errorf("read as the peer: %v", err)
		}
		got <- bodies
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String(), got
}

func readRaw(conn net.Conn, size int) (map[uint32][]byte, error) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return nil, err
	}
	framer := http2.NewFramer(conn, conn)
	// Windows as large as they get: nothing but the connection holds the client up.
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}); err != nil {
		return nil, err
	}
	if err := framer.WriteWindowUpdate(0, 1<<30); err != nil {
		return nil, err
	}
	bodies := map[uint32][]byte{}
	for len(bodies[secondStream]) < size {
		frame, err := framer.ReadFrame()
		if err != nil {
			return bodies, err
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				err = framer.WritePing(true, frame.Data)
			}
		case *http2.HeadersFrame:
			if frame.StreamID == healthStream {
				err = framer.WriteHeaders(http2.HeadersFrameParam{
					StreamID: healthStream, BlockFragment: unimplemented(), EndHeaders: true, EndStream: true,
				})
			}
		case *http2.DataFrame:
			bodies[frame.StreamID] = append(bodies[frame.StreamID], frame.Data()...)
		}
		if err != nil {
			return bodies, err
		}
	}
	return bodies, nil
}

// unimplemented is how a service says that it has no health service.
func unimplemented() []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", "12"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // a buffer takes everything
	}
	return block.Bytes()
}
