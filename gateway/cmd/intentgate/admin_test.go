package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/local"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/pki"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// TestReloadByAdmin has AdminService put the file in force, by JSON and by gRPC: what comes of it is seen in the log, in metrics,
// in AdminService and in readiness.
func TestReloadByAdmin(t *testing.T) {
	t.Parallel()
	g := start(t)
	client, path := g.dialogflow(t), filepath.Join(g.dir, configFile)
	conn, err := grpc.NewClient(strings.TrimPrefix(g.Admin, "http://"), grpc.WithTransportCredentials(local.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	rpc := gatewayv1.NewAdminServiceClient(conn)
	reload := func() answer {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.Admin+"/v1/config:reload", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		return ask(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, request)
	}
	good, err := os.ReadFile(path) //nolint:gosec // of this test
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(good)
	state := `"file":"` + path + `"`

	if got := reload(); got.StatusCode != http.StatusOK || !strings.Contains(strings.ReplaceAll(got.body, " ", ""), state) || !strings.Contains(got.body, hex.EncodeToString(sum[:])) {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
	g.log.await(t, 1, reloaded)
	g.measures(t, `intentgate_config_reloads_total{result="reloaded"} 1`)
	wantES(t, g.post(t, client, esPath, esTurn("after")), "heard after")
	if _, err := rpc.Reload(t.Context(), &gatewayv1.ReloadRequest{}); err != nil {
		t.Error(err)
	}
	g.log.await(t, 2, reloaded)
	g.audit.await(t, 2, entry{"msg": "Configuration changed", "by": "AdminService", "file": path, "sha256": hex.EncodeToString(sum[:])})
	write(t, g.file(pki.EdgeCert), []byte("no certificate")) // what the configuration names is still watched when the call is over
	g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good", "name": "edge.certificate"})

	// The file is as it was, but not what it names.
	kept := entry{"msg": "Kept what is in force because the new files are no good", "name": "config"}
	if code, message := reload().message(t); code != codes.FailedPrecondition || !strings.Contains(message, pki.EdgeCert) {
		t.Errorf("%s: %s", code, message)
	}
	g.log.await(t, 1, kept)
	if _, err := rpc.Reload(t.Context(), &gatewayv1.ReloadRequest{}); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), path+":") {
		t.Errorf("by gRPC: %v", err)
	}
	g.log.await(t, 2, kept)
	if lines := g.audit.await(t, 2, entry{"msg": "Configuration refused", "by": "AdminService"}); !strings.Contains(lines[0].text("error"), pki.EdgeCert) {
		t.Errorf("the audit log has %v", lines)
	}
	g.measures(t, `intentgate_config_reloads_total{result="failed"} 2`, `intentgate_config_good 0`, `intentgate_files_good{name="config"} 0`)
	now, err := rpc.GetConfig(t.Context(), &gatewayv1.GetConfigRequest{})
	if c := now.GetConfig(); err != nil || c.GetFile() != path || c.GetSha256() != hex.EncodeToString(sum[:]) || c.GetFailTime() == nil || !strings.Contains(c.GetError(), pki.EdgeCert) || !strings.Contains(now.GetYaml(), "name: "+serviceName+"\n") {
		t.Errorf("%v, %v", now, err)
	}
	if body := get(t, g.Status+"/readyz").body; !strings.HasPrefix(body, `{"ready":true`) || !strings.Contains(body, `"config":{`+state+`,"loaded":"20`) || !strings.Contains(body, `"error":"`+path) {
		t.Errorf("readiness: %s", body)
	}
	wantES(t, g.post(t, client, esPath, esTurn("still")), "heard still")
}

// TestStatusByTLS serves the status listener with a certificate, which is renewed.
func TestStatusByTLS(t *testing.T) {
	t.Parallel()
	dir := folder(t, edit{`status: {listen: "127.0.0.1:0"}`, `status: {listen: "127.0.0.1:0", certificate: {cert: status.pem, key: status.key}}`}, edit{"required: true", "required: false"})
	keys, issued := keys(t), 0
	issue := func() *devca.Certificate {
		t.Helper()
		issued++
		leaf, err := keys.EdgeCA.Issue(devca.Leaf{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if err != nil {
			t.Fatal(err)
		}
		if err := leaf.WriteFiles(filepath.Join(dir, fmt.Sprint(issued, ".pem")), filepath.Join(dir, fmt.Sprint(issued, ".key"))); err != nil {
			t.Fatal(err)
		}
		for _, ending := range []string{".key", ".pem"} {
			if err := os.Rename(filepath.Join(dir, fmt.Sprint(issued)+ending), filepath.Join(dir, "status"+ending)); err != nil {
				t.Fatal(err)
			}
		}
		return leaf
	}
	first := issue()
	g := serveFolder(t, dir)
	shown := func(page string, version uint16) (answer, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.Status+page, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{RootCAs: keys.EdgeCA.Pool(), MinVersion: version, MaxVersion: version}
		return send(&http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}, request)
	}
	sees := func(want *devca.Certificate) string {
		t.Helper()
		got, err := shown("/readyz", tls.VersionTLS13)
		if err != nil || got.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", got, err)
		}
		if serial := got.TLS.PeerCertificates[0].SerialNumber; serial.Cmp(want.Leaf.SerialNumber) != 0 {
			t.Errorf("it shows certificate %s, want %s", serial, want.Leaf.SerialNumber)
		}
		return got.body
	}
	if ready := sees(first); !strings.HasPrefix(g.Status, "https://") || !strings.Contains(ready, `{"kind":"status","name":"status","not_after":"20`) ||
		!strings.Contains(ready, `{"kind":"edge",`) || !strings.Contains(ready, `"profiles":[{"name":"dev","chains":[{"name":"ssl.com","roots":1,"not_after":"20`) {
		t.Errorf("%s: %s", g.Status, ready)
	}
	if _, err := shown("/livez", tls.VersionTLS12); err != nil {
		t.Error(err)
	}
	if _, err := shown("/livez", tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is served")
	}
	if got := get(t, strings.Replace(g.Status, "https", "http", 1)+"/metrics"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP is answered %d: %s", got.StatusCode, got.body)
	}
	renewed := issue()
	g.log.await(t, 1, entry{"msg": "Files reloaded", "name": "status.certificate"})
	sees(renewed)
	metrics, err := shown("/metrics", tls.VersionTLS13)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		fmt.Sprintf("intentgate_certificate_not_after_timestamp_seconds{kind=%q,name=%q} ", "status", "status"), `intentgate_files_good{name="status.certificate"} 1`,
	} {
		if !strings.Contains(metrics.body, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
