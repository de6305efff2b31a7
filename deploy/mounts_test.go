package deploy_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/process"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

const etc = "/etc/intentgate/"

// mount writes what the container would find below /etc/intentgate, and returns where the configuration is.
func (r *ruler) mount(t *testing.T, p pod, all objects) (file string, err error) {
	t.Helper()
	dir := t.TempDir()
	root := func(path string) string { return filepath.Join(dir, strings.TrimPrefix(path, etc)) }
	args := p.Containers[0].Args
	wanted, found := args[slices.Index(args, "--config")+1], false
	for _, m := range p.Containers[0].Mounts {
		v := p.Volumes[slices.IndexFunc(p.Volumes, func(v volume) bool { return v.Name == m.Name })]
		if v.Secret.Name != "" {
			pair := [2]string{pki.EdgeCert, pki.EdgeKey}
			if strings.HasSuffix(v.Secret.Name, "-client") {
				pair = [2]string{pki.GatewayCert, pki.GatewayKey}
			}
			// The keys of a secret of cert-manager's.
			for key, from := range map[string]string{"tls.crt": pair[0], "tls.key": pair[1], "ca.crt": pki.InternalCA} {
				write(t, root(path.Join(m.Path, key)), []byte(read(t, filepath.Join(r.certs, from))))
			}
			continue
		}
		for name, content := range all["ConfigMap/"+v.ConfigMap.Name].Data {
			write(t, root(path.Join(m.Path, name)), []byte(strings.ReplaceAll(content, etc, dir+"/")))
			found = found || path.Join(m.Path, name) == wanted
		}
	}
	if !found {
		return "", errors.New("there is no configuration at " + wanted)
	}
	return root(wanted), nil
}

// run has a gateway run by the manifests, and returns its metrics.
func (r *ruler) run(t *testing.T, all objects) (metrics string) {
	t.Helper()
	file, err := r.mount(t, all["Deployment/intentgate"].Spec.Template.Spec, all)
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := process.Open(t.Context(), process.Config{
		File: file, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		// Nobody else is asked, and the ports may be taken.
		Adapt: []func(*gatewayv1.Config){func(c *gatewayv1.Config) {
			c.Edge.Listen, c.Status.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
			c.Edge.DrainDelay = nil
			c.IdTokenKeys = &gatewayv1.IdTokenKeys{File: filepath.Join(r.certs, pki.JWKS)}
			for _, s := range c.Services {
				s.Target = "127.0.0.1:1"
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- gateway.Serve(ctx) }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway.Addresses().Status+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("metrics: %s, %v", response.Status, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return string(body)
}
