package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/backend"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/intents"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// TestStalledServiceReadsEachTurnsOwn plays many typed turns at a time to a service that stops reading in the middle of
// them, until they are given up; and as many more, whose requests are made in the same memory, before it goes on. Nothing of
// a turn, neither of its request nor of its metadata, may then come on the stream of another one.
func TestStalledServiceReadsEachTurnsOwn(t *testing.T) {
	const turns = 19 // too few to open the circuit, when the first have failed
	ca := must(devca.New(devca.Options{CommonName: "internal CA"}))(t)
	issue := func(name string, usage x509.ExtKeyUsage) tls.Certificate {
		return must(ca.Issue(devca.Leaf{DNS: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{usage}}))(t).TLS()
	}
	address, read := listenRaw(t, &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
		Certificates: []tls.Certificate{issue("orders.internal", x509.ExtKeyUsageServerAuth)},
	})
	stall := &stall{stalled: make(chan struct{}), goOn: make(chan struct{}), TransportCredentials: credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: ca.Pool(), ServerName: "orders.internal",
		Certificates: []tls.Certificate{issue("gateway.internal", x509.ExtKeyUsageClientAuth)},
	})}
	logger := slog.New(slog.DiscardHandler)
	client := must(backend.Dial(backend.Config{
		Name: "orders", Target: address, Logger: logger, Credentials: func(string) credentials.TransportCredentials { return stall },
	}))(t)
	t.Cleanup(client.Close)
	orders := &counting{Service: client}
	catalog := must(intents.New(intents.Config{
		Services: []intents.Service{{
			Name: "orders", Allow: intents.Allow{Intents: []string{"order.*"}}, Source: "a file",
			Load: func(context.Context) ([]byte, error) { return os.ReadFile("binding/testdata/descriptors.binpb") },
		}},
		Views: []intents.View{{Platform: dialogflow.ES}}, Logger: logger, Now: time.Now,
	}))(t)
	if _, err := catalog.Load(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	f := start(t, func(s *setup) {
		s.orders, s.intents, s.bodyLimit = orders, catalog, 1<<20
	})
	var late atomic.Int32
	play := func(wave int, limit time.Duration) *sync.WaitGroup {
		orders.entered, orders.limit = make(chan struct{}, turns), limit
		var playing sync.WaitGroup
		for i := range turns {
			playing.Go(func() {
				switch got := f.send(f.request(t.Context(), markedTurn(wave, i))); got.status {
				case http.StatusGatewayTimeout:
					late.Add(1)
				case http.StatusNotFound: // which the service says of all that it has read
				default:
					t.Errorf("turn %d of wave %d: HTTP %d: %s", i, wave, got.status, got.body)
				}
			})
		}
		for range turns {
			select {
			case <-orders.entered:
			case <-time.After(patience):
				t.Fatal("turns do not reach the service")
			}
		}
		return &playing
	}
	play(1, 300*time.Millisecond).Wait() // until their deadlines have passed
	select {
	case <-stall.stalled:
	default:
		t.Fatal("the service did not stall")
	}
	if late.Swap(0) == 0 {
		t.Error("no deadline has passed")
	}
	second := play(2, patience) // all requests are made
	close(stall.goOn)
	second.Wait()
	if n := late.Load(); n > 0 {
		t.Errorf("%d of the second turns were not answered", n)
	}
	client.Close()
	streams := <-read

	waves := map[byte]int{}
	for id, stream := range streams {
		ref := new(intentgatev1.CallRef)
		if err := proto.Unmarshal([]byte(stream.metadata[caller.MetadataCall]), ref); err != nil || ref.GetTurnId() == "" {
			t.Fatalf("stream %d has no turn in its metadata: %v", id, err)
		}
		if stream.metadata[caller.MetadataRequestID] != ref.GetRequestId() {
			t.Errorf("stream %d of turn %s has the request id of another one", id, ref.GetTurnId())
		}
		waves[ref.GetTurnId()[1]]++
		came := string(stream.body)
		for _, value := range stream.metadata {
			came += value
		}
		for _, mark := range marks.FindAllString(came, -1) {
			if mark != ref.GetTurnId() {
				t.Errorf("stream %d of turn %s brought something of turn %s", id, ref.GetTurnId(), mark)
				break
			}
		}
	}
	if waves['1'] < 2 || waves['2'] != turns {
		t.Errorf("the service saw %d turns of the first wave and %d of the second, want some and all", waves['1'], waves['2'])
	}
}

// marks are what each turn is full of.
var marks = regexp.MustCompile(`w[12]-[0-9][0-9]`)

// markedTurn is a turn that says who it is in every part of its request and of its metadata.
func markedTurn(wave, i int) string {
	mark := fmt.Sprintf("w%d-%02d", wave, i)
	colors := strings.Repeat(`"`+mark+`", `, 12_000) + `"` + mark + `"`
	return strings.ReplaceAll(`{"responseId": "MARK", "session": "projects/shop/agent/environments/MARK/users/MARK/sessions/MARK", "queryResult": {"queryText": "MARK",
		"intent": {"displayName": "order.track"}, "parameters": {"order_id": "MARK", "colors": [`+colors+`]}}}`, "MARK", mark)
}

// counting tells of calls before they are made, and limits the time that each takes.
type counting struct {
	gateway.Service

	entered chan struct{}
	limit   time.Duration
}

func (c *counting) Invoke(ctx context.Context, call *backend.Call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	c.entered <- struct{}{}
	return c.Service.Invoke(ctx, call)
}

const (
	writeBuffer = 32 << 10 // what grpc collects before it writes
	stallAfter  = 4        // so many full ones are taken
)

// stall is credentials whose connections write nothing from the middle of a request on, until told to.
type stall struct {
	credentials.TransportCredentials

	full    atomic.Int32  // buffers written in full
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

// stream is what came on one of a connection's.
type stream struct {
	metadata map[string]string
	body     []byte
}

// listenRaw starts a service that answers every request with NOT_FOUND, and gives what each stream of a connection brought once that is closed.
func listenRaw(t *testing.T, config *tls.Config) (address string, read <-chan map[uint32]*stream) {
	t.Helper()
	listener := must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	got, done := make(chan map[uint32]*stream, 1), make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.Close() }()
		streams, err := readRaw(tls.Server(conn, config))
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			t.Logf("read as the service: %v", err) // the gateway hangs up in its own way
		}
		got <- streams
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String(), got
}

func readRaw(conn net.Conn) (map[uint32]*stream, error) {
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return nil, err
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	// Windows as large as they get: nothing but the connection holds the gateway up.
	if err := errors.Join(framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}), framer.WriteWindowUpdate(0, 1<<30)); err != nil {
		return nil, err
	}
	streams := map[uint32]*stream{}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return streams, err
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
		case *http2.MetaHeadersFrame:
			if frame.PseudoValue("path") == "/grpc.health.v1.Health/Watch" {
				err = answerRaw(framer, frame.StreamID, codes.Unimplemented)
				break
			}
			streams[frame.StreamID] = &stream{metadata: map[string]string{}}
			for _, field := range frame.RegularFields() {
				value := field.Value
				if strings.HasSuffix(field.Name, "-bin") {
					decoded, _ := base64.RawStdEncoding.DecodeString(value) // what is none is missed
					value = string(decoded)
				}
				streams[frame.StreamID].metadata[field.Name] = value
			}
		case *http2.DataFrame:
			if s := streams[frame.StreamID]; s != nil {
				s.body = append(s.body, frame.Data()...)
			}
			if frame.StreamEnded() {
				err = answerRaw(framer, frame.StreamID, codes.NotFound)
			}
		}
		if err != nil {
			return streams, err
		}
	}
}

// answerRaw answers with a status and nothing else.
func answerRaw(framer *http2.Framer, stream uint32, code codes.Code) error {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":status", "200"}, {"content-type", "application/grpc"}, {"grpc-status", strconv.Itoa(int(code))}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // a buffer takes everything
	}
	return framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
}
