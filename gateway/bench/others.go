package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/bench/load"
	"github.com/intentgate/intentgate/gateway/bench/peer"
	"github.com/intentgate/intentgate/gateway/bench/turns"
	"github.com/intentgate/intentgate/gateway/pki"
)

// startGateway starts the command serve. Typed methods and canonical ones are claimed by descriptors, the others' turns routed.
func (b *bed) startGateway(ctx context.Context, name, service string) (*process, error) {
	descriptors := filepath.Join(b.dir, "bench.binpb")
	if !exists(descriptors) {
		if output, err := exec.CommandContext(ctx, b.self, backendCommand, "--descriptors", descriptors).CombinedOutput(); err != nil { //nolint:gosec // this program
			return nil, fmt.Errorf("descriptors: %w\n%s", err, output)
		}
	}
	routes, services := 10, 1
	switch name {
	case manyRoutes:
		routes = 10_000
	case manyBackend:
		services = 38
	}
	file := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(b.configuration(service, routes, services)), 0o600); err != nil {
		return nil, err
	}
	return b.launch(ctx, "Serving", b.gateway, "serve", "--config", file, "--log-format", "json")
}

// startPair starts two gateways, the second one before a service of its own.
func (b *bed) startPair(ctx context.Context) (*process, error) {
	service, err := b.startService(ctx)
	if err != nil {
		return nil, err
	}
	one, err := b.startGateway(ctx, pair+"-1", b.backend.Address)
	if err != nil {
		return nil, err
	}
	two, err := b.startGateway(ctx, pair+"-2", service.Address)
	if err != nil {
		return nil, err
	}
	one.behind, one.second, one.service, one.Status = two.pids(), two.Edge, service.pids(), "" // which would tell of one alone
	return one, nil
}

// configuration is intentgate.yaml: with a service at an address, so many exact routes, and so many services beside the two that claim intents.
func (b *bed) configuration(address string, routes, services int) string {
	var s strings.Builder
	fmt.Fprintf(&s, `edge:
  listen: "127.0.0.1:0"
  certificate: {cert: certs/edge.pem, key: certs/edge.key}
  drain_delay: 0s
  clients:
    - {name: dev, like: dialogflow, roots: {ssl_com: certs/ssl-com-root.pem, gts: certs/gts-root.pem}}
    - {name: ecdsa, like: dialogflow, roots: {ssl_com: certs/%s, gts: certs/gts-root.pem}}
id_token_keys: {file: certs/jwks.json}
status: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
telemetry: {traces: {otlp: {endpoint: %q}, sample: 0.01}}
webhooks:
`, load.ECDSARoot, b.collector)
	for _, platform := range []string{"ES", "CX"} {
		fmt.Fprintf(&s, `  - path: /dialogflow/%s
    platform: %s
    profiles: [dev, ecdsa]
    id_token: {audiences: [%q]}
    projects: [{id: shop, number: %d}]
`, strings.ToLower(platform), platform, load.Audience, load.Project)
	}
	s.WriteString("services:\n")
	service := func(name, intents string) {
		fmt.Fprintf(&s, `  - name: %s
    target: %s
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: %s}
`, name, address, pki.OrdersName)
		if intents != "" {
			fmt.Fprintf(&s, "    intents: {descriptor_set: bench.binpb, allow: %s}\n", intents)
		}
	}
	canonical, canonicalTag := turns.Canonical.Intent()
	service("orders", `{intents: ["order.*"], actions: ["order.*"], tags: ["*"], services: [shop.orders.v1.OrderService]}`)
	service("canonical", fmt.Sprintf(`{intents: [%s], tags: [%s], services: [intentgate.bench.v1.CanonicalService]}`, canonical, canonicalTag))
	for i := range services {
		service(fmt.Sprintf("plain-%03d", i), "")
	}
	s.WriteString("routes:\n")
	for i := range routes - 2 {
		fmt.Fprintf(&s, "  - {match: {intent: \"faq.%05d\"}, service: plain-%03d}\n", i, i%services)
	}
	plain, plainTag := turns.IntentService.Intent()
	fmt.Fprintf(&s, "  - {match: {intent: %q}, service: plain-000}\n  - {match: {tag: %q}, service: plain-000}\n", plain, plainTag)
	return s.String()
}

// startNode starts the webhook in Node.js.
func (b *bed) startNode(ctx context.Context) (*process, error) {
	folder := filepath.Join(b.root, "gateway/bench/node")
	if !exists(filepath.Join(folder, "node_modules")) {
		return nil, fmt.Errorf("%w: gateway/bench/node is not installed, which make bench does where npm is", errAbsent)
	}
	return b.launch(ctx, "Serving", "env", "NODE_ENV=production", "node", filepath.Join(folder, "server.js"), filepath.Join(b.dir, "certs"), b.backend.Address,
		filepath.Join(b.root, "proto"), filepath.Join(b.root, ".protos"))
}

// startNginx starts nginx, and what it is a proxy of, as nginx' own guides to client certificates and to upstreams have it.
func (b *bed) startNginx(ctx context.Context) (*process, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return nil, fmt.Errorf("%w: there is no nginx on this machine", errAbsent)
	}
	plain, err := b.startPeer(ctx, "plain")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	roots := filepath.Join(b.dir, "nginx-roots.pem")
	var bundle []byte
	for _, name := range []string{pki.SSLComRoot, load.ECDSARoot} {
		text, err := os.ReadFile(b.cert(name))
		if err != nil {
			return nil, err
		}
		bundle = append(bundle, text...)
	}
	file := filepath.Join(b.dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log stderr;
events { worker_connections 2048; }
http {
  access_log /dev/stdout;
  client_body_temp_path %[1]s/nginx-body;
  proxy_temp_path %[1]s/nginx-proxy;
  client_body_buffer_size 64k;
  keepalive_requests 1000000;
  upstream gateway { server %[2]s; keepalive 256; keepalive_requests 1000000; }
  server {
    listen %[3]s ssl;
    ssl_certificate certs/edge.pem;
    ssl_certificate_key certs/edge.key;
    ssl_protocols TLSv1.3;
    ssl_session_cache shared:bench:10m;
    ssl_client_certificate %[4]s;
    ssl_verify_client on;
    ssl_verify_depth 3;
    location / { proxy_pass http://gateway; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`, b.dir, strings.TrimPrefix(plain.Edge, "http://"), address, roots)
	if err := os.WriteFile(roots, bundle, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	// It says nothing when it serves: a shell does when it listens.
	script := fmt.Sprintf(`(until (exec 3<>/dev/tcp/%s) 2>/dev/null; do sleep 0.05; done; echo '{"msg": "Serving", "edge": "https://%s"}') & exec %s -p %s -c %s`,
		strings.Replace(address, ":", "/", 1), address, program, b.dir, file)
	p, err := b.launch(ctx, "Serving", "bash", "-c", script)
	if err != nil {
		return nil, err
	}
	p.behind, p.Status = []int{plain.PID()}, plain.Status
	return p, nil
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// job is what the Dialogflow is to play to a peer.
func (c cell) job(name string, p *process) load.Job {
	job := load.Job{
		Platform: c.platform, Method: c.method, Size: c.size, Protocol: c.protocol, Connections: c.connections, Chain: c.chain, Fresh: c.fresh,
	}
	switch name {
	case static, bare, tuned, equal:
		job.URL = p.Edge + peer.Path(c.platform, c.method, c.size)
	case intentgate, manyRoutes, manyBackend, pair:
		path := "/dialogflow/" + strings.ToLower(c.platform)
		if job.URL, job.Echo = p.Edge+path, true; p.second != "" {
			job.Second = p.second + path
		}
	default:
		job.URL, job.Echo = p.Edge+"/"+strings.ToLower(c.platform), true
	}
	return job
}

// startUp is how long a peer takes from its start until it serves.
func (b *bed) startUp(ctx context.Context, name string) (time.Duration, error) {
	begun := time.Now()
	p, err := b.edge(ctx, name)
	if err != nil {
		return 0, err
	}
	took := time.Since(begun)
	p.End(5 * time.Second)
	return took, nil
}
