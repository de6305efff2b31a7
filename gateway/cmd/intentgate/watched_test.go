package main

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// Files beside those of the development PKI.
const (
	gatewayCA = "gateway-ca.pem" // what the gateway believes of services, apart from what they believe of it
	password  = "password"
)

// watchedFile is a kind of file that is read again when it changes.
type watchedFile struct {
	name string // by which operators hear of it
	bad  string // a file of it that is damaged
	good func(*testing.T) (files map[string][]byte, want string)
	// probe tells which version is in force.
	probe func(*testing.T, *watchedGate) string
}

// watchedFiles are all kinds.
var watchedFiles = map[string]watchedFile{
	"edge's certificate": {
		"edge.certificate", pki.EdgeCert,
		func(t *testing.T) (map[string][]byte, string) {
			t.Helper()
			c := issue(t, keys(t).EdgeCA, devca.Leaf{IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			return map[string][]byte{pki.EdgeCert: c.CertPEM(), pki.EdgeKey: c.KeyPEM()}, c.Leaf.SerialNumber.String()
		},
		func(t *testing.T, g *watchedGate) string {
			t.Helper()
			return g.serial(t).String()
		},
	},
	"certificate for a service": {
		"services." + serviceName, pki.GatewayKey,
		func(t *testing.T) (map[string][]byte, string) {
			t.Helper()
			c := issue(t, keys(t).InternalCA, devca.Leaf{DNS: []string{pki.GatewayName}})
			return map[string][]byte{pki.GatewayCert: c.CertPEM(), pki.GatewayKey: c.KeyPEM()}, c.Leaf.SerialNumber.String()
		},
		func(t *testing.T, g *watchedGate) string {
			t.Helper()
			if status := g.say(t, g.token); status != "200" {
				return status
			}
			calls := g.service.all()
			return calls[len(calls)-1].call.Peer.Certificate.SerialNumber.String()
		},
	},
	"CA of a service": {
		"services." + serviceName, gatewayCA,
		func(t *testing.T) (map[string][]byte, string) {
			t.Helper()
			return map[string][]byte{gatewayCA: authority(t)}, "503" // withdrawn
		},
		func(t *testing.T, g *watchedGate) string {
			t.Helper()
			return g.say(t, g.token)
		},
	},
	"roots of a profile": {
		"edge.clients", pki.SSLComRoot,
		func(t *testing.T) (map[string][]byte, string) {
			t.Helper()
			return map[string][]byte{pki.SSLComRoot: authority(t)}, "403"
		},
		func(t *testing.T, g *watchedGate) string {
			t.Helper()
			return g.say(t, g.token)
		},
	},
	"keys of ID tokens": {
		"id_token_keys", pki.JWKS,
		func(t *testing.T) (map[string][]byte, string) {
			t.Helper()
			other, err := issuer.New(issuer.Options{Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return map[string][]byte{pki.JWKS: other.JWKS()}, "401"
		},
		func(t *testing.T, g *watchedGate) string {
			t.Helper()
			return g.say(t, g.token)
		},
	},
	"secret": {
		"webhooks." + esPath + ".credentials", password,
		func(*testing.T) (map[string][]byte, string) {
			return map[string][]byte{password: []byte("another secret, as long")}, "401"
		},
		func(t *testing.T, g *watchedGate) string {
			t.Helper()
			return g.say(t, basic("shop", secrets[password]))
		},
	},
}

// TestWatchedFiles damages each kind of file, which changes nothing and is told, and then replaces it, while connections live:
// by a rename, and as Kubernetes does.
func TestWatchedFiles(t *testing.T) {
	t.Parallel()
	for kind, file := range watchedFiles {
		for style, publisher := range map[string]func(*testing.T, string) publish{"rename": byRename, "Kubernetes": byLink} {
			t.Run(kind+"/"+style, func(t *testing.T) {
				t.Parallel()
				g := startWatched(t, publisher)
				before := file.probe(t, g)

				// In place of all files of a Kubernetes volume come new ones, of which one is bad.
				g.publish(t, map[string][]byte{file.bad: []byte("none")})
				kept := g.log.await(t, 1, entry{"msg": "Kept what is in force because the new files are no good", "level": "WARN", "name": file.name})
				if !strings.Contains(kept[0].text("error"), g.file(file.bad)) {
					t.Errorf("the log says %v, want the file's name", kept[0])
				}
				g.shows(t, file, true)
				if got := file.probe(t, g); got != before {
					t.Errorf("bad files: %s, want %s as before", got, before)
				}

				files, want := file.good(t)
				g.publish(t, files)
				g.log.await(t, 1, entry{"msg": "Files reloaded", "level": "INFO", "name": file.name})
				if got := file.probe(t, g); got != want || want == before {
					t.Errorf("good files: %s, want %s after %s", got, want, before)
				}
				g.shows(t, file, false)
			})
		}
	}
}

// shows asks whether operators see that files are bad.
func (g *watchedGate) shows(t *testing.T, file watchedFile, bad bool) {
	t.Helper()
	ready, metrics := get(t, g.Status+"/readyz").body, get(t, g.Status+"/metrics").body
	listed := strings.Contains(ready, `"bad_files":[{"name":"`+file.name+`","since":"`) && strings.Contains(ready, g.file(file.bad))
	if listed != bad || !bad && strings.Contains(ready, "bad_files") {
		t.Errorf("bad: %t, readiness: %s", bad, ready)
	}
	label := fmt.Sprintf(`name="%s"`, file.name)
	gauge, counter := "intentgate_files_good{"+label+"} 1\n", "intentgate_file_reloads_total{"+label+`,result="reloaded"} 1`+"\n"
	if bad {
		gauge, counter = "intentgate_files_good{"+label+"} 0\n", "intentgate_file_reloads_total{"+label+`,result="failed"} `
	}
	for _, line := range []string{gauge, counter} {
		if !strings.Contains(metrics, line) {
			t.Errorf("bad: %t, the metrics lack %s", bad, line)
		}
	}
}

// watchedGate is a gateway whose files a test publishes.
type watchedGate struct {
	*gate

	publish publish
	token   string
	client  *http.Client
	turns   int
}

// say has Dialogflow say something, on a connection that lives if possible, and returns the status.
func (g *watchedGate) say(t *testing.T, authorization string) string {
	t.Helper()
	g.turns++ // none is another try of one before
	request := g.request(t.Context(), t, esPath, esTurn(fmt.Sprint("said ", g.turns)))
	request.Header.Set("Authorization", authorization)
	return fmt.Sprint(ask(t, g.client, request).StatusCode)
}

func startWatched(t *testing.T, publisher func(*testing.T, string) publish) *watchedGate {
	t.Helper()
	const url, number = "https://fulfil.shop.example/dialogflow/es", 415104041262
	dir := folder(t)
	certs := filepath.Join(dir, certsFolder)
	g := &watchedGate{publish: publisher(t, certs)}
	g.publish(t, map[string][]byte{gatewayCA: keys(t).InternalCA.CertPEM(), password: []byte(secrets[password])})
	s := startService(t, dir, "127.0.0.1:0")
	const off = "    id_token: {mode: off, allow_any_project: true}\n"
	configure(t, dir,
		edit{off, "    id_token: {audiences: [\"" + url + "\"]}\n" +
			"    credentials: [{name: es, basic: {username: shop, passwords: [{file: certs/" + password + "}]}, projects: [shop]}]\n"},
		edit{"status:", "id_token_keys: {file: certs/" + pki.JWKS + "}\nstatus:"},
		edit{"certs/" + pki.InternalCA, "certs/" + gatewayCA},
		edit{"127.0.0.1:1\n", s.addr + "\n"})
	g.gate = serveFolder(t, dir)
	g.service = s
	g.log.await(t, 1, entry{"msg": "Service reachable"})
	token, err := g.pki.Issuer.Sign(g.pki.Issuer.Claims(url, number))
	if err != nil {
		t.Fatal(err)
	}
	g.token, g.client = "Bearer "+token, g.dialogflow(t)
	return g
}

// publish replaces files of a folder.
type publish func(*testing.T, map[string][]byte)

// byRename replaces each file by a rename.
func byRename(_ *testing.T, dir string) publish {
	return func(t *testing.T, files map[string][]byte) {
		t.Helper()
		for name, data := range files {
			next := filepath.Join(dir, "."+name)
			write(t, next, data)
			rename(t, next, filepath.Join(dir, name))
		}
	}
}

// byLink makes the folder a volume of Kubernetes: its files are links through ..data, a link to the current version, which is
// replaced by a rename; then the old version is removed.
func byLink(_ *testing.T, dir string) publish {
	version := 0
	content := map[string][]byte{} // of the current version
	return func(t *testing.T, files map[string][]byte) {
		t.Helper()
		if version == 0 { // so far it is an ordinary folder
			for _, file := range regular(t, dir) {
				data, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // a test's own folder
				if err != nil {
					t.Fatal(err)
				}
				content[file] = data
			}
		}
		maps.Copy(content, files)
		old, next := fmt.Sprintf("..%d", version), fmt.Sprintf("..%d", version+1)
		version++
		if err := os.Mkdir(filepath.Join(dir, next), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, data := range content {
			write(t, filepath.Join(dir, next, name), data)
		}
		link(t, next, filepath.Join(dir, "..data_tmp"))
		rename(t, filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data"))
		for name := range content {
			if version == 1 {
				link(t, filepath.Join("..data", name), filepath.Join(dir, "."+name))
				rename(t, filepath.Join(dir, "."+name), filepath.Join(dir, name))
			}
		}
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			t.Fatal(err)
		}
	}
}

// regular lists the files of a folder.
func regular(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil { //nolint:gosec // a test's own folder
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func issue(t *testing.T, by *devca.Authority, leaf devca.Leaf) *devca.Certificate {
	t.Helper()
	c, err := by.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// authority is one that nobody knows, in PEM.
func authority(t *testing.T) []byte {
	t.Helper()
	a, err := devca.New(devca.Options{CommonName: "another authority"})
	if err != nil {
		t.Fatal(err)
	}
	return a.CertPEM()
}
