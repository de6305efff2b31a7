package config_test

import (
	"bytes"
	"errors"
	"flag"
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

// TestVerdicts loads every file of testdata: *.good.yaml is good, *.bad.yaml has exactly the problems of
// *.bad.golden.txt. Dropping a file in adds a test; -update writes its golden file.
func TestVerdicts(t *testing.T) {
	t.Chdir("testdata")
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			loaded, err := config.Load(file)
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
				golden(t, strings.TrimSuffix(file, ".yaml")+".golden.txt", strings.ReplaceAll(err.Error(), folder, "FOLDER")+"\n")
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
	loaded, err := config.Load("testdata/minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pem, err := filepath.Abs("testdata/any.pem")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
		"edge": {
			"listen": ":8443", "certificate": {"cert": "PEM", "key": "PEM"}, "clients": [{"name": "dialogflow"}],
			"limits": {
				"headerBytes": 32768, "bodyBytes": 1048576, "handshakeTimeout": "5s", "headerTimeout": "5s",
				"readTimeout": "10s", "idleTimeout": "120s", "handshakes": 256, "connections": 10000
			},
			"drain": "35s"
		},
		"webhooks": [{
			"path": "/dialogflow/es", "platform": "ES", "profiles": ["dialogflow"], "api": "V2",
			"timeout": "5s", "reserve": "0.300s", "retriesRepeatId": true
		}],
		"services": [{
			"name": "orders", "target": "dns:///orders.internal:8443",
			"tls": {"ca": "PEM", "cert": "PEM", "key": "PEM", "serverName": "orders.internal"}
		}],
		"routes": [{"service": "orders"}]
	}`
	equalJSON(t, loaded, strings.ReplaceAll(want, "PEM", pem))
}

func TestEveryKey(t *testing.T) {
	loaded, err := config.Load("testdata/full.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]bool{
		"drain given as 0s":      loaded.GetEdge().GetDrain().AsDuration() == 0,
		"reserve given as 0s":    loaded.GetWebhooks()[0].GetReserve().AsDuration() == 0,
		"retries_repeat_id":      !loaded.GetWebhooks()[0].GetRetriesRepeatId(),
		"digits are text":        loaded.GetWebhooks()[0].GetProjects()[1].GetId() == "007",
		"idle timeout":           loaded.GetEdge().GetLimits().GetIdleTimeout().AsDuration() == 90*time.Second,
		"CX's API":               loaded.GetWebhooks()[1].GetApi() == "V3",
		"host of a bare target":  loaded.GetServices()[1].GetTls().GetServerName() == "faq.internal",
		"socket of the target":   loaded.GetServices()[0].GetTarget() == "unix:"+filepath.Join(folder, "orders.sock"),
		"socket of the listener": loaded.GetAdmin().GetListen() == "unix:"+filepath.Join(folder, "admin.sock"),
		"match":                  loaded.GetRoutes()[0].GetMatch().GetProject() == "415104041262",
		"empty match":            loaded.GetRoutes()[2].GetMatch() != nil,
	} {
		if !got {
			t.Errorf("%s: wrong in %s", name, protojson.Format(loaded))
		}
	}
	// Whatever the schema grows is decoded: the file must be extended with it.
	missing(t, loaded.ProtoReflect())
}

// missing fails for each field of the schema that no message of its type has in the configuration.
func missing(t *testing.T, message protoreflect.Message) {
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
	walk(message)
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
	_, err := config.Load(filepath.Join(t.TempDir(), "intentgate.yaml"))
	if err == nil || !strings.Contains(err.Error(), "there is no such configuration file") {
		t.Errorf("got %v", err)
	}
	if _, err := config.Load(t.TempDir()); err == nil {
		t.Error("loaded a folder")
	}
}

func TestTooLarge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(file, bytes.Repeat([]byte("#\n"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(file)
	if err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestLocalAddress(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:9901":     "tcp 127.0.0.1:9901",
		"127.9.9.9:0":        "tcp 127.9.9.9:0",
		"[::1]:9901":         "tcp [::1]:9901",
		"localhost:0":        "tcp localhost:0",
		"unix:/run/a.sock":   "unix /run/a.sock",
		"unix:///run/a.sock": "unix /run/a.sock",
		"unix:":              "",
		":9901":              "",
		"0.0.0.0:9901":       "",
		"[::]:9901":          "",
		"10.0.0.1:9901":      "",
		"example.com:9901":   "",
		"localhost":          "",
		"127.0.0.1:http":     "",
		"127.0.0.1:65536":    "",
		"":                   "",
	} {
		network, address, err := config.LocalAddress(listen)
		if got := strings.TrimSpace(network + " " + address); got != want || (err == nil) != (want != "") {
			t.Errorf("LocalAddress(%q) = %q, %v; want %q", listen, got, err, want)
		}
	}
}
