package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/gateway/bench/load"
	"github.com/intentgate/intentgate/gateway/bench/peer"
	"github.com/intentgate/intentgate/gateway/bench/turns"
)

// cell is one way of playing turns, and those who are played in it.
type cell struct {
	platform    string
	method      turns.Method
	size        int
	protocol    load.Protocol
	connections int
	fresh       bool
	chain       string
	paced       float64 // the share of what the gateway can do of the base cell that is asked of all; 0: as much as they can
	peers       []string
}

// The peers.
const (
	static      = "static"
	bare        = "bare"
	tuned       = "tuned"
	equal       = "equal"
	byHand      = "protojson"
	grpcGateway = "grpc-gateway"
	node        = "node"
	nginx       = "nginx"
	intentgate  = "intentgate"
	manyRoutes  = "intentgate-routes"
	manyBackend = "intentgate-services"
	pair        = "intentgate-pair"
)

// what says what peers are.
var what = map[string]string{
	static:      "a fixed answer: TLS and HTTP alone",
	bare:        "the bare floor: a fixed gRPC call besides, over mutual TLS",
	tuned:       "the same with the gateway's garbage collector (`GOGC=400`)",
	equal:       "the equal floor: with the gateway's way of calling, metadata, metrics, spans and log line besides",
	byHand:      "by hand in Go: Dialogflow's message by protojson, a gRPC call with it",
	grpcGateway: "grpc-gateway as it comes, with Dialogflow's message",
	node:        "by hand in Node.js: express and @grpc/grpc-js",
	nginx:       "nginx with client certificates, before grpc-gateway",
	intentgate:  "`intentgate serve`, every check on",
	manyRoutes:  "the same with 10,000 exact routes instead of 10",
	manyBackend: "the same with 40 services instead of 3",
	pair:        "two of them, each before a service of its own, with half of the connections each",
}

// peerNames are all of them, in the order in which they are told of.
func peerNames() []string {
	return []string{static, bare, tuned, equal, intentgate, manyRoutes, manyBackend, pair, grpcGateway, byHand, nginx, node}
}

// base is the cell that others differ from.
func base() cell {
	return cell{platform: "ES", method: turns.Typed, size: peer.Sizes()[0], protocol: load.HTTP1, connections: 16, chain: "rsa"}
}

// String is the cell's name.
func (c cell) String() string {
	token := "cached"
	if c.fresh {
		token = "fresh"
	}
	if c.protocol == load.Handshake || c.protocol == load.Resumption {
		return fmt.Sprintf("%s/%d/%s", c.protocol, c.connections, c.chain)
	}
	name := strings.ToLower(fmt.Sprintf("%s/%s/%d/%s/%d/%s/%s", c.platform, c.method, c.size, c.protocol, c.connections, token, c.chain))
	if c.paced > 0 {
		name += fmt.Sprintf("/%.0f%%", c.paced*100)
	}
	return name
}

// with returns another cell with other peers.
func (c cell) with(change func(*cell), peers ...string) cell {
	change(&c)
	c.peers = peers
	return c
}

// cells are those of a plan.
func cells(plan string) []cell {
	switch plan {
	case "short":
		return []cell{
			base().with(func(*cell) {}, bare, equal, grpcGateway, intentgate),
			base().with(func(c *cell) { c.fresh = true }, bare, intentgate),
			base().with(func(c *cell) { c.platform = "CX" }, bare, equal, intentgate),
		}
	case "full":
		return slices.Concat(allTurns(), extent(), handshakes())
	default:
		return slices.Concat(baseTurns(), extent(), handshakes())
	}
}

// baseTurns change one factor at a time.
func baseTurns() []cell {
	cells := []cell{
		base().with(func(*cell) {}, slices.DeleteFunc(peerNames(), func(name string) bool { return name == pair })...),
		base().with(func(c *cell) { c.fresh = true }, bare, intentgate),
		base().with(func(c *cell) { c.method = turns.IntentService }, bare, intentgate),
		base().with(func(c *cell) { c.method = turns.Canonical }, bare, grpcGateway, intentgate),
		base().with(func(c *cell) { c.platform = "CX" }, bare, equal, grpcGateway, byHand, node, intentgate),
		base().with(func(c *cell) { c.platform, c.fresh = "CX", true }, bare, intentgate),
		base().with(func(c *cell) { c.platform, c.method = "CX", turns.IntentService }, bare, intentgate),
	}
	for _, size := range peer.Sizes()[1:] {
		cells = append(cells, base().with(func(c *cell) { c.size = size }, bare, equal, grpcGateway, intentgate))
	}
	cells = append(cells,
		base().with(func(c *cell) { c.protocol = load.HTTP2 }, bare, equal, grpcGateway, intentgate),
		base().with(func(c *cell) { c.protocol = load.New }, static, bare, grpcGateway, intentgate))
	for _, connections := range []int{1, 64, 256} {
		cells = append(cells, base().with(func(c *cell) { c.connections = connections }, bare, equal, grpcGateway, intentgate))
	}
	return cells
}

// extent are what the capacity model needs besides.
func extent() []cell {
	cells := []cell{inPair(pair)}
	for _, share := range paces() {
		cells = append(cells, paced(share, bare, intentgate))
	}
	return cells
}

// inPair is the base cell for each of two gateways.
func inPair(peers ...string) cell {
	return base().with(func(c *cell) { c.connections *= 2 }, peers...)
}

// paces are the shares of what the gateway can do that show how answers come to wait.
func paces() []float64 { return []float64{.3, target, .85} }

func paced(share float64, peers ...string) cell {
	return base().with(func(c *cell) { c.connections, c.paced = 64, share }, peers...)
}

// handshakes are connections without a turn.
func handshakes() (cells []cell) {
	for _, protocol := range []load.Protocol{load.Handshake, load.Resumption} {
		for _, chain := range []string{"rsa", "ecdsa"} {
			cells = append(cells, base().with(func(c *cell) { c.protocol, c.chain = protocol, chain }, static, intentgate))
		}
	}
	return cells
}

// allTurns are all combinations.
func allTurns() (cells []cell) {
	for _, platform := range []string{"ES", "CX"} {
		for _, method := range []turns.Method{turns.Typed, turns.IntentService, turns.Canonical} {
			for _, size := range peer.Sizes() {
				for _, protocol := range []load.Protocol{load.HTTP1, load.HTTP2, load.New} {
					for _, connections := range []int{1, 16, 64, 256} {
						for _, fresh := range []bool{false, true} {
							c := cell{platform, method, size, protocol, connections, fresh, "rsa", 0, []string{bare, equal, intentgate}}
							if !fresh {
								c.peers = slices.DeleteFunc(peerNames(), func(name string) bool {
									return name == pair || method == turns.IntentService && (name == byHand || name == grpcGateway || name == nginx) ||
										method != turns.Typed && name == node
								})
							}
							cells = append(cells, c)
						}
					}
				}
			}
		}
	}
	return cells
}

// chosen are the cells that the command line asks for.
func (o *options) chosen() (chosen []cell) {
	for _, c := range cells(o.plan) {
		c.peers = slices.DeleteFunc(slices.Clone(c.peers), func(name string) bool { return !o.peers.MatchString(name) })
		if o.cells.MatchString(c.String()) && len(c.peers) > 0 {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

func list(out io.Writer, plan []cell) error {
	for _, c := range plan {
		if _, err := fmt.Fprintf(out, "%-44s %s\n", c, strings.Join(c.peers, " ")); err != nil {
			return err
		}
	}
	return nil
}
