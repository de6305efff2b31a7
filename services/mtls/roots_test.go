package mtls_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// TestReadRootsFolder reads a folder as Kubernetes mounts one: links to files beside a link that is swapped.
func TestReadRootsFolder(t *testing.T) {
	folder := t.TempDir()
	authority := func(name string) []byte {
		ca, err := devca.New(devca.Options{CommonName: name})
		if err != nil {
			t.Fatal(err)
		}
		return ca.CertPEM()
	}
	names := func() string {
		t.Helper()
		roots, err := mtls.ReadRootsFolder(folder)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, root := range roots {
			names = append(names, root.Subject.CommonName)
		}
		return strings.Join(names, " ")
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(folder, "new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(folder, "new"), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	for version, content := range map[string]map[string][]byte{
		"..1": {"b.pem": append(authority("second"), authority("third")...), "a.crt": authority("first")},
		"..2": {"b.pem": authority("fourth"), "a.crt": authority("first again")},
	} {
		if err := os.Mkdir(filepath.Join(folder, version), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, data := range content {
			write(t, filepath.Join(folder, version, name), data)
		}
	}
	link("..1", "..data")
	link("..data/b.pem", "b.pem")
	link("..data/a.crt", "a.crt")
	write(t, filepath.Join(folder, ".hidden.pem"), []byte("no PEM"))
	write(t, filepath.Join(folder, "README"), []byte("no PEM"))
	if got := names(); got != "first second third" {
		t.Errorf("read %s", got)
	}
	link("..2", "..data")
	if got := names(); got != "first again fourth" {
		t.Errorf("after the swap read %s", got)
	}
	write(t, filepath.Join(folder, "c.pem"), authority("added"))
	if got := names(); got != "first again fourth added" {
		t.Errorf("with one more read %s", got)
	}
}

// TestWrongRootsFolder: one file that is no good makes the folder no good.
func TestWrongRootsFolder(t *testing.T) {
	ca, err := devca.New(devca.Options{CommonName: "root"})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ca.Issue(devca.Leaf{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		add  func(folder string)
		want string
	}{
		"no PEM":     {func(folder string) { write(t, filepath.Join(folder, "z.pem"), []byte("x")) }, "z.pem: no PEM block"},
		"a leaf":     {func(folder string) { write(t, filepath.Join(folder, "z.crt"), leaf.CertPEM()) }, "no authority"},
		"a pipe":     {func(folder string) { _ = syscall.Mkfifo(filepath.Join(folder, "z.pem"), 0o600) }, "z.pem: is no file"},
		"a folder":   {func(folder string) { _ = os.Mkdir(filepath.Join(folder, "z.pem"), 0o700) }, "z.pem: is no file"},
		"a bad link": {func(folder string) { _ = os.Symlink("nowhere", filepath.Join(folder, "z.pem")) }, "z.pem: file does not exist"},
		"nothing":    {func(folder string) { _ = os.Rename(filepath.Join(folder, "a.pem"), filepath.Join(folder, ".a.pem")) }, "*.pem or *.crt"},
		"no folder":  {func(folder string) { _ = os.RemoveAll(folder) }, "check the path"},
	} {
		folder := t.TempDir()
		write(t, filepath.Join(folder, "a.pem"), ca.CertPEM())
		if roots, err := mtls.ReadRootsFolder(folder); err != nil || len(roots) != 1 {
			t.Fatalf("%d roots, %v", len(roots), err)
		}
		c.add(folder)
		if roots, err := mtls.ReadRootsFolder(folder); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d roots, %v; want an error about %q", name, len(roots), err, c.want)
		}
	}
}
