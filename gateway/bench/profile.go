package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// profile writes what the gateway spends its time with in the plan's cells.
func profile(ctx context.Context, o *options, plan []cell, progress io.Writer) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	plan = slices.DeleteFunc(plan, func(c cell) bool { return !slices.Contains(c.peers, intentgate) })
	for i := range plan {
		plan[i].peers = []string{intentgate}
	}
	b, err := o.bed(ctx, progress)
	defer func() { err = errors.Join(err, b.close()) }()
	if err == nil {
		err = b.start(ctx, plan)
	}
	if err != nil {
		return err
	}
	text, err := b.profile(ctx, intentgate, plan, 25*time.Second)
	if err != nil {
		return err
	}
	return os.WriteFile(o.profileTo, text, 0o644) //nolint:gosec // nothing secret
}

// profile has a peer play the cells for so long all in all, which is half a minute at most, and returns a profile of its CPU time.
func (b *bed) profile(ctx context.Context, name string, plan []cell, length time.Duration) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	profiled := make(chan result, 1)
	go func() {
		text, err := fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%.0f", b.edges[name].Admin, length.Seconds()))
		profiled <- result{text, err}
	}()
	for _, c := range plan {
		_, _ = fmt.Fprintf(b.progress, "bench: profile of %s: %s\n", name, c)
		if _, err := b.sample(ctx, c, name, length/time.Duration(len(plan))*4/5); err != nil { // and a quarter of that to warm up
			return nil, fmt.Errorf("%s: %w", c, err)
		}
	}
	r := <-profiled
	return r.text, r.err
}
