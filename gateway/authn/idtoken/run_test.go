package idtoken_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/idtoken"
)

// scripted is a source of keys that does what its fields say.
type scripted struct {
	document []byte
	life     time.Duration
	down     atomic.Bool
	asked    []time.Time
}

func (s *scripted) load(context.Context) ([]byte, time.Duration, error) {
	s.asked = append(s.asked, time.Now())
	if s.down.Load() {
		return nil, 0, errors.New("down")
	}
	return s.document, s.life, nil
}

func run(t *testing.T, source *scripted) *idtoken.Keys {
	t.Helper()
	keys, err := idtoken.NewKeys(idtoken.KeysConfig{URL: idtoken.GoogleKeys, Logger: quiet(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	keys.SetLoad(source.load)
	go keys.Run(t.Context())
	synctest.Wait()
	return keys
}

func TestRunFetchesAhead(t *testing.T) {
	document := document(t, jwk(signing(), keyID))
	synctest.Test(t, func(t *testing.T) {
		source := &scripted{document: document, life: 10 * time.Hour}
		keys := run(t, source)
		if keys.Status().Keys != 1 {
			t.Fatal("not at once")
		}
		time.Sleep(40 * time.Hour)
		synctest.Wait()
		for i := 1; i < len(source.asked); i++ {
			if pause := source.asked[i].Sub(source.asked[i-1]); pause < 7*time.Hour || pause > 8*time.Hour {
				t.Errorf("fetched after %v of 10 h", pause)
			}
		}
		if n := len(source.asked); n != 6 {
			t.Errorf("%d fetches", n)
		}
	})
}

func TestRunTriesAgain(t *testing.T) {
	document := document(t, jwk(signing(), keyID))
	synctest.Test(t, func(t *testing.T) {
		source := &scripted{document: document, life: time.Hour}
		source.down.Store(true)
		keys := run(t, source)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := len(source.asked); n < 9 || n > 12 { // after 1, 2, 4, 8, 16, 32, then 60 s each
			t.Errorf("%d fetches: %v", n, source.asked)
		}
		source.down.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if status := keys.Status(); status.Err != nil || status.Keys != 1 {
			t.Errorf("got %+v", status)
		}

		// Down again, the keys stay for a day after their hour.
		source.down.Store(true)
		time.Sleep(24*time.Hour + 50*time.Minute)
		synctest.Wait()
		if status := keys.Status(); status.Err == nil || status.Keys != 1 {
			t.Errorf("got %+v", status)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if status := keys.Status(); status.Keys != 0 {
			t.Errorf("got %+v", status)
		}
	})
}

// A file may have changed while an earlier fetch read it.
func TestReloadReadsWhatIsThereNow(t *testing.T) {
	document := document(t, jwk(signing(), keyID))
	synctest.Test(t, func(t *testing.T) {
		keys, err := idtoken.NewKeys(idtoken.KeysConfig{URL: idtoken.GoogleKeys, Logger: quiet(), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		keys.SetLoad(func(context.Context) ([]byte, time.Duration, error) {
			asked++
			time.Sleep(time.Second)
			return document, time.Hour, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = keys.Reload(ctx) }()
		synctest.Wait()
		cancel() // who began it has gone
		if _, err := keys.Reload(t.Context()); err != nil || asked != 2 {
			t.Errorf("%d fetches, %v", asked, err)
		}
	})
}

// doneless is a context that ends, and does not tell: as that of a turn is.
type doneless struct{ context.Context }

func (doneless) Done() <-chan struct{} { return nil }

// Nobody waits for keys for longer than there is time.
func TestWaitsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, err := idtoken.NewKeys(idtoken.KeysConfig{URL: idtoken.GoogleKeys, Logger: quiet(), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		keys.SetLoad(func(context.Context) ([]byte, time.Duration, error) {
			time.Sleep(time.Hour)
			return nil, 0, errors.New("down")
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := keys.Reload(doneless{ctx}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %s, want the end of the time", err, time.Since(start))
		}
		time.Sleep(time.Hour) // what goes on ends
	})
}

// TestKnownKeysAreUsed makes keys of those that there are, and of none.
func TestKnownKeysAreUsed(t *testing.T) {
	document := document(t, jwk(signing(), keyID))
	synctest.Test(t, func(t *testing.T) {
		before := run(t, &scripted{document: document, life: time.Hour})
		for known, want := range map[*idtoken.Keys]int{before: 1, nil: 0} {
			keys, err := idtoken.NewKeys(idtoken.KeysConfig{URL: idtoken.GoogleKeys, Known: known, Logger: quiet(), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			if got := keys.Status().Keys; got != want {
				t.Errorf("%d keys before the first fetch, want %d", got, want)
			}
		}
	})
}
