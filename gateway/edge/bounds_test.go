package edge

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
)

func TestGate(t *testing.T) { synctest.Test(t, gates) }

func gates(t *testing.T) {
	t.Helper()
	g := newGate(4) // one slot for each address, four waiting
	ended, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	one, two := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")

	leaveOne, hurry, err := g.enter(t.Context(), one)
	if err != nil || hurry {
		t.Fatalf("the first: hurry %t, %v", hurry, err)
	}
	if _, _, err := g.enter(ended, one); !errors.Is(err, errOverload) {
		t.Errorf("a second one of the address: %v", err)
	}
	leaveTwo, _, err := g.enter(t.Context(), two)
	if err != nil {
		t.Fatalf("of another address: %v", err)
	}
	leaveThree, hurry, err := g.enter(t.Context(), netip.Prefix{})
	if err != nil || !hurry {
		t.Errorf("the third of four: hurry %t, %v", hurry, err)
	}
	leaveOne()
	leaveOne, _, err = g.enter(t.Context(), one)
	if err != nil {
		t.Errorf("after the first had left: %v", err)
	}
	for _, leave := range []func(){leaveOne, leaveTwo, leaveThree} {
		leave()
	}
	if len(g.origins) != 0 || g.inFlight.Load() != 0 {
		t.Errorf("%d addresses and %d handshakes are remembered", len(g.origins), g.inFlight.Load())
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7":           "192.0.2.7/32",
		"::ffff:192.0.2.7":    "192.0.2.7/32",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"fe80::1:2:3:4%eth0":  "fe80::/64",
		"2001:db8:1:2:ff::ff": "2001:db8:1:2::/64",
	} {
		if got := network(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("network(%s) = %s, want %s", addr, got, want)
		}
	}
	if network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := newLimiter(func() time.Time { return now })
	address := func(i uint32) netip.Prefix {
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], i)
		return netip.PrefixFrom(netip.AddrFrom4(ip), 32)
	}
	expect := func(i uint32, reason authn.Reason, wantSuppressed int, wantOK bool) {
		t.Helper()
		if suppressed, ok := l.allow(address(i), reason); ok != wantOK || suppressed != wantSuppressed {
			t.Errorf("address %d: %d suppressed, %t, want %d, %t", i, suppressed, ok, wantSuppressed, wantOK)
		}
	}
	expect(0, authn.Expired, 0, true)
	expect(0, authn.Expired, 0, false)
	expect(0, authn.KeyUsage, 0, true)
	now = now.Add(59 * time.Second)
	expect(0, authn.Expired, 0, false)
	now = now.Add(time.Second)
	expect(0, authn.Expired, 2, true)
	expect(0, authn.Expired, 0, false)

	logged := 0
	for i := range uint32(100_000) {
		if _, ok := l.allow(address(i), authn.Timeout); ok {
			logged++
		}
	}
	if logged > logKeys || len(l.lines) > logKeys+1 {
		t.Errorf("%d lines logged, %d remembered", logged, len(l.lines))
	}
	now = now.Add(time.Minute)
	expect(100_001, authn.Timeout, 0, true)
	if len(l.lines) > 2 {
		t.Errorf("%d old ones are remembered", len(l.lines))
	}
}
