package config_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/config"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is when the fixtures' certificates are looked at.
var now = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

// fixtures copies the files of testdata into a folder with the certificates that they name: any.pem is an authority's
// certificate and its key, which will do wherever a file is wanted; the others are no good each in its own way. The
// files *.txt are secrets, short.txt one that is no good.
func fixtures(t *testing.T) string {
	t.Helper()
	t.Setenv("INTENTGATE_TEST_KEY", "the value of an environment variable")
	t.Setenv("SESSION_KEY", "a key of thirty-two bytes, or more of them")
	t.Setenv("OTLP_TEAM", "shop")
	t.Setenv("INTENTGATE_TEST_TEAM", "shop")
	t.Setenv("WEBHOOK_KEY", "the header's value that comes next")
	t.Setenv("INTENTGATE_TEST_EMPTY", "")
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	for name, until := range map[string]time.Time{
		"any.pem": now.AddDate(1, 0, 0), "other.pem": now.AddDate(1, 0, 0), "expired.pem": now.AddDate(0, 0, -1),
	} {
		pem := selfSigned(t, until)
		if name == "any.pem" {
			folderOfRoots(t, filepath.Join(folder, "roots"), pem)
		}
		_, key, _ := bytes.Cut(pem, []byte("-----END CERTIFICATE-----\n"))
		if err := os.WriteFile(filepath.Join(folder, strings.Replace(name, ".pem", "-token.key", 1)), key, 0o600); err != nil {
			t.Fatal(err)
		}
		names := []string{name}
		if name == "any.pem" {
			names = append(names, "edge.pem", "edge.key", "dev-ssl-root.pem", "dev-gts-root.pem", "shop-agents-ca.pem", "internal-ca.pem", "gateway.pem", "gateway.key",
				"status.pem", "status.key", "keys-ca.pem", "collector-ca.pem")
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(folder, name), pem, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, text := range map[string]string{
		"text.pem": "no PEM", "password.txt": "a password of 27 characters", "next.txt": "the password that comes next\n", "key.txt": "the value of a header",
		"same.txt": "the value of a header\n", "short.txt": "short", "api-key.txt": "any", "faq.binpb": "any",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// folderOfRoots makes a folder with all that one of roots may hold, and beside it an empty one.
func folderOfRoots(t *testing.T, folder string, pem []byte) {
	t.Helper()
	for _, folder := range []string{folder, filepath.Join(filepath.Dir(folder), "empty")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string][]byte{"a.pem": pem, "b.crt": pem, ".hidden.pem": nil, "README": nil} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func selfSigned(t *testing.T, until time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Any"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: until.AddDate(-2, 0, 0), NotAfter: until,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
}

// TestVerdicts loads every file of testdata: *.good.yaml is good, *.bad.yaml has exactly the problems of
// *.bad.golden.txt. Dropping a file in adds a test; -update writes its golden file.
func TestVerdicts(t *testing.T) {
	goldens, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	folder := fixtures(t)
	t.Chdir(folder)
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			loaded, err := config.Load(file, now)
			switch {
			case strings.HasSuffix(file, ".good.yaml"):
				if err != nil {
					t.Errorf("refused a good file:\n%v", err)
				}
			case strings.HasSuffix(file, ".bad.yaml"):
				if err == nil {
					t.Fatalf("accepted a bad file: %v", loaded)
				}
				var problems *config.Error
				if !errors.As(err, &problems) || len(problems.Problems) == 0 {
					t.Fatalf("%T, want *config.Error", err)
				}
				golden(t, filepath.Join(goldens, strings.TrimSuffix(file, ".yaml")+".golden.txt"), strings.ReplaceAll(err.Error(), folder, "FOLDER")+"\n")
			default:
				t.Error("the name says no verdict: want *.good.yaml or *.bad.yaml")
			}
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file) //nolint:gosec // A file of testdata.
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestDefaults(t *testing.T) {
	folder := fixtures(t)
	loaded, err := config.Load(filepath.Join(folder, "minimal.good.yaml"), now)
	if err != nil {
		t.Fatal(err)
	}
	pem := filepath.Join(folder, "any.pem")
	const want = `{
		"edge": {
			"listen": ":8443", "certificate": {"cert": "PEM", "key": "PEM"}, "clients": [{"name": "dialogflow"}],
			"limits": {
				"headerBytes": 32768, "bodyBytes": 1048576, "handshakeTimeout": "5s", "headerTimeout": "5s",
				"readTimeout": "10s", "idleTimeout": "120s", "handshakes": 256, "connections": 10000,
				"turns": 1000, "heldBytes": "268435456"
			},
			"drain": "35s", "drainDelay": "5s"
		},
		"webhooks": [{
			"path": "/dialogflow/es", "platform": "ES", "idToken": {"mode": "off", "allowAnyProject": true}, "profiles": ["dialogflow"], "api": "V2",
			"timeout": "5s", "reserve": "0.300s", "retriesRepeatId": true
		}],
		"services": [{
			"name": "orders", "target": "dns:///orders.internal:8443",
			"tls": {"ca": "PEM", "cert": "PEM", "key": "PEM", "serverName": "orders.internal"},
			"retries": {"tries": 3}, "concurrency": {"min": 10, "max": 1000, "queue": 250}
		}],
		"routes": [{"service": "orders"}]
	}`
	equalJSON(t, loaded, strings.ReplaceAll(want, "PEM", pem))
}

func TestEveryKey(t *testing.T) {
	folder := fixtures(t)
	loaded, err := config.Load(filepath.Join(folder, "full.good.yaml"), now)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]bool{
		"drain given as 0s":     loaded.GetEdge().GetDrain().AsDuration() == 0,
		"reserve given as 0s":   loaded.GetWebhooks()[0].GetReserve().AsDuration() == 0,
		"retries_repeat_id":     !loaded.GetWebhooks()[0].GetRetriesRepeatId(),
		"digits are text":       loaded.GetWebhooks()[0].GetProjects()[1].GetId() == "0x7",
		"idle timeout":          loaded.GetEdge().GetLimits().GetIdleTimeout().AsDuration() == 90*time.Second,
		"CX's API":              loaded.GetWebhooks()[1].GetApi() == "V3",
		"host of a bare target": loaded.GetServices()[1].GetTls().GetServerName() == "faq.internal",
		"folder of roots":       loaded.GetEdge().GetClients()[3].GetRoots().GetFolder() == filepath.Join(folder, "roots"),
		"a date":                loaded.GetEdge().GetClients()[2].GetDates().GetFrom().AsTime().Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)),
		"a time":                loaded.GetEdge().GetClients()[2].GetDates().GetUntil().AsTime().Equal(time.Date(2027, 12, 1, 11, 30, 0, 0, time.UTC)),
		"socket of the target":  loaded.GetServices()[0].GetTarget() == "unix:"+filepath.Join(folder, "orders.sock"),
		"match":                 loaded.GetRoutes()[0].GetMatch().GetProject() == "415104041262",
		"files of a secret":     loaded.GetWebhooks()[2].GetCredentials()[0].GetBasic().GetPasswords()[1].GetFile() == filepath.Join(folder, "next.txt"),
		"credential's files":    len(config.Credentials(loaded.GetWebhooks()[2])[1].Secrets) == 2,
		"a share":               loaded.GetTelemetry().GetTraces().GetSample() == 0.25,
		"empty match":           loaded.GetRoutes()[2].GetMatch() != nil,
	} {
		if !got {
			t.Errorf("%s: wrong in %s", name, protojson.Format(loaded))
		}
	}
	// Whatever the schema grows is decoded: a file must be extended with it. Some keys exclude others.
	messages := []protoreflect.Message{loaded.ProtoReflect()}
	for _, name := range []string{"keys_file.good.yaml", "acme_spiffe.good.yaml", "socket.good.yaml"} {
		other, err := config.Load(filepath.Join(folder, name), now)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, other.ProtoReflect())
	}
	missing(t, messages...)
}

// missing fails for each field of the schema that no message of its type has in the configurations.
func missing(t *testing.T, messages ...protoreflect.Message) {
	t.Helper()
	seen := map[protoreflect.FullName]bool{}
	all := map[protoreflect.FullName]bool{}
	var walk func(protoreflect.Message)
	walk = func(message protoreflect.Message) {
		fields := message.Descriptor().Fields()
		for i := range fields.Len() {
			all[fields.Get(i).FullName()] = true
		}
		message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			seen[field.FullName()] = true
			switch {
			case field.Message() == nil || field.Message().ParentFile().Package() == "google.protobuf":
			case field.IsMap():
				value.Map().Range(func(_ protoreflect.MapKey, value protoreflect.Value) bool {
					if field.MapValue().Message() != nil {
						walk(value.Message())
					}
					return true
				})
			case field.IsList():
				for i := range value.List().Len() {
					walk(value.List().Get(i).Message())
				}
			default:
				walk(value.Message())
			}
			return true
		})
	}
	for _, message := range messages {
		walk(message)
	}
	for name := range all {
		if !seen[name] {
			t.Errorf("testdata/full.good.yaml does not give %s", name)
		}
	}
}

func equalJSON(t *testing.T, got *gatewayv1.Config, want string) {
	t.Helper()
	expected := &gatewayv1.Config{}
	if err := protojson.Unmarshal([]byte(want), expected); err != nil {
		t.Fatal(err)
	}
	if g, w := protojson.Format(got), protojson.Format(expected); g != w {
		t.Errorf("got:\n%s\nwant:\n%s", g, w)
	}
}

func TestNoFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "intentgate.yaml"), now)
	if err == nil || !strings.Contains(err.Error(), "there is no such configuration file") {
		t.Errorf("got %v", err)
	}
	if _, err := config.Load(t.TempDir(), now); err == nil {
		t.Error("loaded a folder")
	}
}

func TestTooLarge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(file, bytes.Repeat([]byte("#\n"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(file, now)
	if err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}
