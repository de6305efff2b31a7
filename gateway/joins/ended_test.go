package joins_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/gateway/joins"
)

// answer is what the n-th call comes to: nothing, a few bytes, many, or a refusal.
func answer(n int) ([]byte, error) {
	letter := []byte("abcdefghijklmnopqrstuvwxyz")[n%26:][:1]
	switch n % 50 {
	case 0:
		return []byte{}, nil
	case 1:
		return bytes.Repeat(letter, 20_000+n), nil
	case 2:
		return nil, status.Errorf(codes.NotFound, "none of %d", n)
	}
	return fmt.Appendf(nil, "%d %s", n, bytes.Repeat(letter, n*7919%400)), nil
}

// What was recorded is found as it was, and nobody's else, however many there are and however often their memory is used again.
func TestAnswersAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const answers, all = 1000, 5000
		c, asked, from := calls(t, joins.Config{Answers: answers}), 0, 0
		ask := func(n int) joins.Result {
			return c.Do(t.Context(), t.Context(), joins.Try{Key: strconv.Itoa(n), Keep: time.Hour}, func(context.Context) ([]byte, error) {
				asked++
				return answer(n)
			})
		}
		for n := range all {
			ask(n)
			for _, past := range []int{n, n - 1, n - 2, n - 255, n - 256, n - 257, n - answers + 1} {
				if past < from {
					continue
				}
				got, before := ask(past), asked
				want, err := answer(past)
				if got.Joined != joins.ToAnswer || asked != before || !bytes.Equal(got.Response, want) || (got.Response == nil) != (err != nil) || status.Code(got.Err) != status.Code(err) {
					t.Fatalf("%d after %d: %q, %v, joined %q", past, n, got.Response, got.Err, got.Joined)
				}
				for i := range got.Response {
					got.Response[i] = '!' // it is the turn's
				}
				if len(got.Response) > 8<<10 { // but for long ones, which are not to be changed
					copy(got.Response, want)
				}
			}
			if n%777 == 0 { // all are too old
				time.Sleep(2 * time.Hour)
				from = n + 1
			}
		}
		if asked != all {
			t.Errorf("%d calls of %d", asked, all)
		}
	})
}

// BenchmarkDo is what a call costs that nobody joins, while answers of others are kept, and what these take.
func BenchmarkDo(b *testing.B) {
	const kept = 20_000
	c, err := joins.New(joins.Config{Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]string, 2*kept)
	for i := range keys {
		keys[i] = fmt.Sprintf("1.%043d", i)
	}
	n := 0
	do := func() {
		n++
		c.Do(b.Context(), b.Context(), joins.Try{Key: keys[n%len(keys)], By: joins.By{Webhook: "/es", ProjectProof: "ID_TOKEN"}, Keep: time.Minute},
			func(context.Context) ([]byte, error) { return make([]byte, 300), nil })
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range kept {
		do()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/kept, "B/answer")
	b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/kept, "objects/answer")
}
