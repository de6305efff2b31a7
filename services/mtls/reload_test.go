package mtls_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/mtls/devca"
	"github.com/intentgate/intentgate/services/mtls/mtlstest"
)

func TestReloadKeepsWhatIsGood(t *testing.T) {
	ca := mtlstest.NewCA(t)
	first, second := ca.Issue(ca.Leaf("dns:first.internal")), ca.Issue(ca.Leaf("dns:second.internal"))
	files := ca.Write(first)
	log := &logBuffer{}
	var changed bool
	var fault error
	o := options(log)
	o.Observe = func(_ context.Context, c bool, err error) { changed, fault = c, err }
	identity, err := mtls.Open(files, o)
	if err != nil {
		t.Fatal(err)
	}
	read, pool := identity.Telling(t.Context()), identity.Pool()
	for name, damage := range map[string]func(){
		"mismatch":          func() { write(t, files.Cert, second.CertPEM()) },
		"truncated key":     func() { write(t, files.Key, first.KeyPEM()[:100]) },
		"missing":           func() { _ = os.Remove(files.Cert) },
		"empty authorities": func() { write(t, files.CA, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			damage()
			before := strings.Count(log.String(), "level=WARN")
			for range 3 {
				if read(); changed || fault == nil || !strings.Contains(fault.Error(), filepath.Dir(files.Cert)) {
					t.Errorf("observed %t, %v; want no change and an error that names the file", changed, fault)
				}
			}
			if !identity.Certificate().Leaf.Equal(first.Leaf) || !identity.Pool().Equal(pool) {
				t.Error("what was good is gone")
			}
			if warnings := strings.Count(log.String(), "level=WARN") - before; warnings != 1 {
				t.Errorf("%d warnings of one fault, want 1: %s", warnings, log)
			}
			if err := first.WriteFiles(files.Cert, files.Key); err != nil {
				t.Fatal(err)
			}
			write(t, files.CA, ca.CertPEM())
			if read(); changed || fault != nil {
				t.Fatalf("observed %t, %v of the old files", changed, fault)
			}
			if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); !strings.Contains(lines[len(lines)-1], "Files are good again") {
				t.Errorf("the log does not end with the good news: %s", log)
			}
		})
	}
	if strings.Contains(log.String(), "reloaded") {
		t.Errorf("a reload without a change was logged: %s", log)
	}
	if err := second.WriteFiles(files.Cert, files.Key); err != nil {
		t.Fatal(err)
	}
	if read(); !changed || fault != nil {
		t.Fatalf("observed %t, %v of the new files", changed, fault)
	}
	if !identity.Certificate().Leaf.Equal(second.Leaf) {
		t.Error("the new certificate is not there")
	}
	if !strings.Contains(log.String(), "Files reloaded") {
		t.Errorf("the reload was not logged: %s", log)
	}
}

// watched opens the files and watches them. The function that it returns waits until a reload made the condition true.
func watched(t *testing.T, files mtls.Files, log *logBuffer, tweak ...func(mtls.Options) mtls.Options) (*mtls.Identity, func(what string, reached func(error) bool)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reloads := make(chan error)
	o := options(log)
	o.Observe = func(_ context.Context, _ bool, err error) {
		select {
		case reloads <- err:
		case <-ctx.Done():
		}
	}
	for _, f := range tweak {
		o = f(o)
	}
	identity, err := mtls.Open(files, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- identity.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	wait := func(what string, reached func(error) bool) {
		t.Helper()
		for {
			select {
			case err := <-reloads:
				if reached(err) {
					return
				}
			case err := <-ended:
				ended <- nil // it has been told
				t.Fatalf("watch ended before %s: %v", what, err)
			}
		}
	}
	wait("the first reading", func(error) bool { return true })
	return identity, wait
}

// A gateway with many services, beside others of its user: the system gives a user 128 of what files are watched with.
func TestWatchWithoutEvents(t *testing.T) {
	ca := mtlstest.NewCA(t)
	files := ca.Files("dns:first.internal")
	log := &logBuffer{}
	identity, wait := watched(t, files, log, func(o mtls.Options) mtls.Options {
		return mtls.Again(mtls.NewWatcher(o, func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }), 10*time.Millisecond)
	})
	if !strings.Contains(log.String(), "reading them every minute") {
		t.Errorf("the log does not say so: %s", log)
	}
	second := ca.Issue(ca.Leaf("dns:second.internal"))
	if err := second.WriteFiles(files.Cert, files.Key); err != nil {
		t.Fatal(err)
	}
	wait("the new certificate", func(error) bool { return identity.Certificate().Leaf.Equal(second.Leaf) })
	strange := errors.New("no such call")
	o := mtls.NewWatcher(options(log), func() (*fsnotify.Watcher, error) { return nil, strange })
	if err := mtls.Watch(t.Context(), o, nil, nil); !errors.Is(err, strange) {
		t.Errorf("watched with %v", err)
	}
}

func TestWatchRename(t *testing.T) {
	ca, otherCA := mtlstest.NewCA(t), mtlstest.NewCA(t)
	files := ca.Files("dns:first.internal")
	log := &logBuffer{}
	identity, wait := watched(t, files, log)

	second := ca.Issue(ca.Leaf("dns:second.internal"))
	if err := second.WriteFiles(files.Cert, files.Key); err != nil {
		t.Fatal(err)
	}
	wait("the new pair", func(error) bool { return identity.Certificate().Leaf.Equal(second.Leaf) })

	if err := otherCA.WriteFile(files.CA); err != nil {
		t.Fatal(err)
	}
	wait("the new authorities", func(error) bool { return identity.Pool().Equal(otherCA.Pool()) })

	write(t, files.Key, ca.Issue(devca.Leaf{}).KeyPEM())
	wait("the wrong key", func(err error) bool { return err != nil })
	if !identity.Certificate().Leaf.Equal(second.Leaf) {
		t.Error("a pair that does not belong together replaced a good one")
	}
	write(t, files.Key, second.KeyPEM())
	wait("the right key again", func(err error) bool { return err == nil })
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), files.Key) {
		t.Errorf("log %q, want a warning that names %s", log, files.Key)
	}
}

// TestWatchKubernetes swaps files as the kubelet does: they are links through ..data, which is replaced by a rename.
func TestWatchKubernetes(t *testing.T) {
	ca := mtlstest.NewCA(t)
	mount := t.TempDir()
	publish := func(version string, certificate *devca.Certificate) {
		t.Helper()
		if err := os.Rename(filepath.Dir(ca.Write(certificate).Cert), filepath.Join(mount, version)); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(mount, "..data_tmp")
		if err := os.Symlink(version, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(mount, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	first, second := ca.Issue(ca.Leaf("dns:first.internal")), ca.Issue(ca.Leaf("dns:second.internal"))
	publish("..2026_1", first)
	files := mtls.Files{}
	for name, path := range map[string]*string{"cert.pem": &files.Cert, "key.pem": &files.Key, "ca.pem": &files.CA} {
		*path = filepath.Join(mount, name)
		if err := os.Symlink(filepath.Join("..data", name), *path); err != nil {
			t.Fatal(err)
		}
	}
	identity, wait := watched(t, files, &logBuffer{})
	publish("..2026_2", second)
	if err := os.RemoveAll(filepath.Join(mount, "..2026_1")); err != nil {
		t.Fatal(err)
	}
	wait("the new pair", func(error) bool { return identity.Certificate().Leaf.Equal(second.Leaf) })
}

// TestWatchFolder replaces the folder itself, which causes no event in it.
func TestWatchFolder(t *testing.T) {
	ca := mtlstest.NewCA(t)
	first, second := ca.Issue(ca.Leaf("dns:first.internal")), ca.Issue(ca.Leaf("dns:second.internal"))
	link := filepath.Join(t.TempDir(), "current")
	written := ca.Write(first)
	if err := os.Symlink(filepath.Dir(written.Cert), link); err != nil {
		t.Fatal(err)
	}
	in := func(path string) string { return filepath.Join(link, filepath.Base(path)) }
	files := mtls.Files{Cert: in(written.Cert), Key: in(written.Key), CA: in(written.CA)}
	identity, wait := watched(t, files, &logBuffer{}, func(o mtls.Options) mtls.Options { return mtls.Again(o, 10*time.Millisecond) })

	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(ca.Write(second).Cert), link); err != nil {
		t.Fatal(err)
	}
	wait("the other folder", func(error) bool { return identity.Certificate().Leaf.Equal(second.Leaf) })
}

// TestWatchKeyPair watches a key pair alone, and a change that came before the watch.
func TestWatchKeyPair(t *testing.T) {
	ca := mtlstest.NewCA(t)
	files := ca.Files("dns:first.internal")
	ctx, cancel := context.WithCancel(t.Context())
	o := options(&logBuffer{})
	o.Observe = func(_ context.Context, changed bool, err error) {
		if !changed || err != nil {
			t.Errorf("observed %t, %v; want a change", changed, err)
		}
		cancel()
	}
	pair, err := mtls.OpenKeyPair(files.Cert, files.Key, o)
	if err != nil {
		t.Fatal(err)
	}
	second := ca.Issue(devca.Leaf{})
	if err := second.WriteFiles(files.Cert, files.Key); err != nil {
		t.Fatal(err)
	}
	if err := pair.Watch(ctx); err != nil {
		t.Error(err)
	}
	if !pair.Certificate().Leaf.Equal(second.Leaf) {
		t.Error("what changed before the watch was missed")
	}
	if err := os.RemoveAll(filepath.Dir(files.Cert)); err != nil {
		t.Fatal(err)
	}
	if err := pair.Watch(t.Context()); err == nil || !strings.Contains(err.Error(), filepath.Dir(files.Cert)) {
		t.Errorf("watching a folder that is gone: error %v, want one that names it", err)
	}
}

// TestWatchRoots watches authorities alone.
func TestWatchRoots(t *testing.T) {
	ca, other := mtlstest.NewCA(t), mtlstest.NewCA(t)
	files := ca.Files("dns:unused.internal")
	ctx, cancel := context.WithCancel(t.Context())
	o := options(&logBuffer{})
	o.Observe = func(context.Context, bool, error) { cancel() }
	roots, err := mtls.OpenRoots(files.CA, o)
	if err != nil {
		t.Fatal(err)
	}
	before := roots.Pool()
	if err := other.WriteFile(files.CA); err != nil {
		t.Fatal(err)
	}
	if err := roots.Watch(ctx); err != nil {
		t.Error(err)
	}
	if after := roots.Pool(); after == before || !after.Equal(other.Pool()) {
		t.Error("the new authorities are not there")
	}
	if _, err := mtls.OpenRoots(files.Key, o); err == nil || !strings.Contains(err.Error(), files.Key) {
		t.Errorf("a key in place of authorities: error %v, want one that names the file", err)
	}
}
