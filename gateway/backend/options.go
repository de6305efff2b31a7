package backend

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/health" // the client's half: without it the health check below is left out
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
)

const (
	// maxResponse is room for a reply of the 64 KiB that Dialogflow takes in its wordiest encoding, and more.
	maxResponse = 256 << 10
	// tooLarge is what grpc says of a larger one, with a status that might be the service's.
	tooLarge = "grpc: received message"
	// maxRequest is what grpc servers take unless they are told otherwise.
	maxRequest = 4 << 20
	// maxHeaders is room for the details of a status, which are a trailer; more than what is read of them.
	maxHeaders = 256 << 10

	// streamWindow is room for any response, and connWindow for those of many calls. That they are given has grpc not measure the
	// way to the service: it would send a ping after each response, whose answer is to be read, and a window update.
	streamWindow, connWindow = 2 * maxResponse, 16 * maxResponse

	// userAgent precedes grpc's own.
	userAgent = "intentgate"

	// serviceConfig balances over all addresses of a name, and leaves out those whose health is not SERVING. The
	// empty name asks for the health of the server as a whole. A server that has no health service counts as healthy.
	serviceConfig = `{"loadBalancingConfig": [{"` + instancesPolicy + `": {}}], "healthCheckConfig": {"serviceName": ""}}`
)

// reconnect waits at most two seconds between tries, jitter included: turns cannot wait for a service to come back, so
// it has to be found soon after it did.
var reconnect = grpc.ConnectParams{
	Backoff: backoff.Config{
		BaseDelay:  200 * time.Millisecond,
		Multiplier: 1.6,
		Jitter:     0.2,
		MaxDelay:   5 * time.Second / 3,
	},
	MinConnectTimeout: 5 * time.Second,
}

// DialOptions returns how the gateway connects to a service.
func DialOptions(target string, creds credentials.TransportCredentials) []grpc.DialOption {
	options := []grpc.DialOption{
		grpc.WithUserAgent(userAgent),
		grpc.WithMaxHeaderListSize(maxHeaders),
		// An address is dialled, not handed to whatever HTTPS_PROXY names.
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithConnectParams(reconnect),
		grpc.WithResolvers(eager{resolver.Get("dns"), lookAgain, lookAnew}),
		// Agents sleep at night, and the first turn of the morning must not pay for a handshake.
		grpc.WithIdleTimeout(0),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			// Servers hang up on who pings more often than every five minutes; the sixth is for clocks that differ.
			Time: 6 * time.Minute,
			// Also the time that sent bytes may stay unacknowledged, where the system can watch that.
			Timeout: 10 * time.Second,
		}),
	}
	if isXDS(target) {
		return append(options, grpc.WithTransportCredentials(nameless{creds}))
	}
	return append(
		options,
		grpc.WithTransportCredentials(creds),
		// TXT records do not decide how services are called: by default they may set retries and time limits.
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(serviceConfig),
	)
}

// callOptions leave fail-fast on: a turn waits for a connection that is being made, not for one that failed.
func callOptions() []grpc.CallOption {
	return []grpc.CallOption{
		grpc.ForceCodecV2(rawCodec{}),
		grpc.MaxCallRecvMsgSize(maxResponse),
		grpc.MaxCallSendMsgSize(maxRequest),
	}
}
