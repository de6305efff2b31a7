package acme

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mholt/acmez/v3/acme"

	"github.com/intentgate/intentgate/services/mtls/devca"
)

const day = 24 * time.Hour

var errAway = errors.New("away")

// ca is a CA that is asked without a network.
type ca struct {
	authority *devca.Authority
	life      time.Duration
	away      bool // orders fail
	window    func(*x509.Certificate) (acme.RenewalInfo, error)
	orders    []time.Time
	replaced  []*x509.Certificate
	asked     int
	seen      []error // what was observed
	changed   int
}

func newCA(t *testing.T) *ca {
	t.Helper()
	authority, err := devca.New(devca.Options{CommonName: "CA"})
	if err != nil {
		t.Fatal(err)
	}
	return &ca{authority: authority, life: 90 * day, window: func(*x509.Certificate) (acme.RenewalInfo, error) {
		return acme.RenewalInfo{}, acme.ErrUnsupported
	}}
}

// issue returns a key with its certificate, valid from now on.
func (c *ca) issue(t *testing.T, names ...string) []byte {
	t.Helper()
	issued, err := c.authority.Issue(devca.Leaf{DNS: names, NotBefore: time.Now(), NotAfter: time.Now().Add(c.life)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := issued.WriteFiles(filepath.Join(dir, "c"), filepath.Join(dir, "k")); err != nil {
		t.Fatal(err)
	}
	var data []byte
	for _, name := range []string{"k", "c"} {
		part, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // just written
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, part...)
	}
	return data
}

// open opens a manager of two names that orders there.
func (c *ca) open(t *testing.T, folder string) *Manager {
	t.Helper()
	m, err := Open(c.config(folder))
	if err != nil {
		t.Fatal(err)
	}
	m.order = func(_ context.Context, replaces *x509.Certificate) ([]byte, error) {
		c.orders, c.replaced = append(c.orders, time.Now()), append(c.replaced, replaces)
		if c.away {
			return nil, errAway
		}
		return c.issue(t, "b.example", "a.example"), nil
	}
	m.suggest = func(_ context.Context, leaf *x509.Certificate) (acme.RenewalInfo, error) {
		c.asked++
		return c.window(leaf)
	}
	return m
}

func (c *ca) config(folder string) Config {
	return Config{
		Domains: []string{"a.example", "b.example"}, Directory: "https://ca.example:14000/dir", Folder: folder,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Observe: func(_ context.Context, changed bool, err error) {
			if c.seen = append(c.seen, err); changed {
				c.changed++
			}
		},
	}
}

// run runs the manager for a time.
func run(t *testing.T, m *Manager, time time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time)
	defer stop()
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
}

// A certificate is renewed at two thirds of its time, and a little later; the CA is told which one it replaces, and asked four times
// a day whether it would rather have that earlier.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCA(t)
		m := c.open(t, t.TempDir())
		if m.Certificate() != nil {
			t.Error("a certificate before the first")
		}
		run(t, m, 59*day)
		if len(c.orders) != 1 || c.replaced[0] != nil || m.Certificate() == nil || c.asked < 4*58 || c.asked > 4*60 {
			t.Fatalf("%d orders, asked %d times", len(c.orders), c.asked)
		}
		first := m.Certificate().Leaf
		run(t, m, 5*day)
		after := c.orders[len(c.orders)-1].Sub(first.NotBefore)
		if len(c.orders) != 2 || c.replaced[1] != first || after < 60*day || after > 63*day || m.Certificate().Leaf == first || c.changed != 2 {
			t.Errorf("%d orders, the last one after %s", len(c.orders), after)
		}
	})
}

// The CA says when, and may say so again.
func TestSuggestedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCA(t)
		start := time.Now()
		at := 80 * day
		c.window = func(leaf *x509.Certificate) (info acme.RenewalInfo, err error) {
			info.SuggestedWindow.Start, info.SuggestedWindow.End = leaf.NotBefore.Add(at), leaf.NotBefore.Add(at+day)
			info.SelectedTime = leaf.NotBefore.Add(at + time.Hour)
			return info, nil
		}
		m := c.open(t, t.TempDir())
		run(t, m, 70*day)
		if len(c.orders) != 1 {
			t.Errorf("%d orders before the CA wants one", len(c.orders))
		}
		at = 2 * day
		run(t, m, time.Minute)
		if len(c.orders) != 2 || c.orders[1].Sub(start) < 70*day {
			t.Errorf("orders at %v", c.orders)
		}
	})
}

// What fails is tried again, soon at first and then ever more rarely; the old certificate stays, and it is told.
func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCA(t)
		c.away = true
		m := c.open(t, t.TempDir())
		run(t, m, 5*time.Second)
		if len(c.orders) != 2 {
			t.Errorf("%d orders in five seconds", len(c.orders))
		}
		run(t, m, time.Hour)
		if len(c.orders) > 9 || len(c.seen) != len(c.orders) || !errors.Is(c.seen[0], errAway) || m.Certificate() != nil {
			t.Fatalf("%d orders in an hour, %v", len(c.orders), c.seen)
		}
		c.away = false
		run(t, m, time.Minute)
		if m.Certificate() == nil || c.changed != 1 || c.seen[len(c.seen)-1] != nil {
			t.Fatalf("%d orders, %v", len(c.orders), c.seen)
		}
		first := m.Certificate()
		c.away = true
		run(t, m, 80*day)
		if m.Certificate() != first || !errors.Is(c.seen[len(c.seen)-1], errAway) {
			t.Errorf("the old certificate is gone, or it is not told: %v", c.seen[len(c.seen)-1])
		}
	})
}

// A CA that always wants another one is not besieged.
func TestNoRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCA(t)
		c.window = func(leaf *x509.Certificate) (info acme.RenewalInfo, err error) {
			info.SuggestedWindow.Start, info.SuggestedWindow.End = leaf.NotBefore.Add(-2*time.Hour), leaf.NotBefore.Add(-time.Hour)
			info.SelectedTime = info.SuggestedWindow.Start
			return info, nil
		}
		run(t, c.open(t, t.TempDir()), time.Hour)
		if len(c.orders) > 7 {
			t.Errorf("%d orders in an hour", len(c.orders))
		}
	})
}

// What the CA issues has to be what was ordered.
func TestUseless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCA(t)
		m := c.open(t, t.TempDir())
		for name, data := range map[string][]byte{"other names": c.issue(t, "a.example"), "nothing": nil} {
			m.order = func(context.Context, *x509.Certificate) ([]byte, error) { return data, nil }
			if err := m.renew(t.Context()); err == nil || m.Certificate() != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Account and certificate outlive the gateway; what is not fit any more is ordered anew, but no other account is made in silence.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, folder := newCA(t), t.TempDir()
		m := c.open(t, folder)
		run(t, m, time.Second)
		again := c.open(t, folder)
		if again.Certificate() == nil || again.Certificate().Leaf.SerialNumber.Cmp(m.Certificate().Leaf.SerialNumber) != 0 {
			t.Fatal("the certificate is gone")
		}
		key := func(m *Manager) string {
			der, err := x509.MarshalPKIXPublicKey(m.account.Public())
			if err != nil {
				t.Fatal(err)
			}
			return string(der)
		}
		if key(again) != key(m) {
			t.Error("another account")
		}
		own := filepath.Join(folder, "ca.example_14000")
		for _, name := range []string{"", accountFile, certificateFile} {
			if info, err := os.Stat(filepath.Join(own, name)); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%q: %v, %v", name, info.Mode(), err)
			}
		}
		other := c.config(folder)
		other.Directory = "https://other.example/dir"
		if m, err := Open(other); err != nil || m.Certificate() != nil || key(m) == key(again) {
			t.Errorf("another CA's: %v", err)
		}
		other = c.config(folder)
		other.Domains = other.Domains[:1]
		if m, err := Open(other); err != nil || m.Certificate() != nil {
			t.Errorf("other names: %v", err)
		}
		time.Sleep(90 * day)
		if c.open(t, folder).Certificate() != nil {
			t.Error("it has expired")
		}
		if err := os.WriteFile(filepath.Join(own, certificateFile), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		if c.open(t, folder).Certificate() != nil {
			t.Error("it is damaged")
		}
		for _, damaged := range []string{"damaged", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))} {
			if err := os.WriteFile(filepath.Join(own, accountFile), []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(c.config(folder)); err == nil || !strings.Contains(err.Error(), "another account") {
				t.Errorf("a damaged account: %v", err)
			}
		}
	})
}

// An answer is there for its name alone, as long as the CA looks.
func TestPendingChallenge(t *testing.T) {
	m := newCA(t).open(t, t.TempDir())
	challenge := acme.Challenge{Identifier: acme.Identifier{Type: "dns", Value: "a.example"}, KeyAuthorization: "x"}
	if m.Challenge("a.example") != nil {
		t.Error("an answer before the challenge")
	}
	if err := (solver{m}).Present(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	if m.Challenge("a.example") == nil || m.Challenge("b.example") != nil || m.Challenge("") != nil {
		t.Error("not the name's answer")
	}
	if err := (solver{m}).CleanUp(t.Context(), challenge); err != nil || m.Challenge("a.example") != nil {
		t.Errorf("an answer after the challenge: %v", err)
	}
}

// Open refuses what is not given.
func TestGaps(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"Domains": func(c *Config) { c.Domains = nil }, "Folder": func(c *Config) { c.Folder = "" }, "Logger": func(c *Config) { c.Logger = nil },
		"Now": func(c *Config) { c.Now = nil }, "Observe": func(c *Config) { c.Observe = nil },
	} {
		config := newCA(t).config(t.TempDir())
		change(&config)
		if _, err := Open(config); err == nil {
			t.Errorf("without %s it is opened", name)
		}
	}
}
