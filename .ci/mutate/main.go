// Command mutate proves that the tests notice when a check is gone: it removes one after the other, each in a copy of its
// file that the compiler is handed instead, and expects the tests that the table names to turn red.
//
//	go run .ci/mutate/*.go [-run REGEXP] [-shares N -share K] [-parallel N]
//
// It fails for a mutation whose place is not found exactly once, that does not compile, that hangs, or that no test
// notices. No file of the checkout is changed.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// mutation removes a check, or weakens it.
type mutation struct {
	name  string
	edits []edit
	red   []check // each of them must fail
}

// edit replaces a text that stands in a file exactly once.
type edit struct{ file, old, new string }

// check is some tests of a package: its folder, and what `go test -run` takes: alternatives, of each of which one must fail.
type check struct{ folder, run string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	only := flags.String("run", "", "only mutations whose name this regular expression matches")
	shares := flags.Int("shares", 1, "try only one of this many shares of them")
	share := flags.Int("share", 0, "which one, of any number: it counts modulo the shares")
	parallel := flags.Int("parallel", 3, "how many at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(mutations), func(m mutation) bool { return !wanted.MatchString(m.name) })
	if *shares < 1 || *share < 0 {
		return fmt.Errorf("share %d of %d; want a share from 0 on, of at least 1", *share, *shares)
	}
	chosen = slices.Collect(every(chosen, *shares, *share%*shares))
	if len(chosen) == 0 {
		return fmt.Errorf("no mutation is named like %q", *only)
	}
	if err := placed(mutations); err != nil {
		return err
	}
	began := time.Now()
	if err := untouched(ctx, chosen); err != nil {
		return err
	}
	fmt.Fprintf(out, "%4.0fs  the tests are green as the code stands\n", time.Since(began).Seconds())

	var printing sync.Mutex
	var failed []string
	inParallel(*parallel, chosen, func(m mutation) {
		start := time.Now()
		noticed, err := try(ctx, m)
		printing.Lock()
		defer printing.Unlock()
		verdict := "red    " + noticed
		if err != nil {
			verdict = "FAILED " + err.Error()
			failed = append(failed, m.name)
		}
		fmt.Fprintf(out, "%4.0fs  %-44s %s\n", time.Since(start).Seconds(), m.name, verdict)
	})
	fmt.Fprintf(out, "%d mutations in %s\n", len(chosen), time.Since(began).Round(time.Second))
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d mutations: nothing proves these checks, see above: %s", len(failed), len(chosen), strings.Join(failed, ", "))
	}
	return nil
}

// every yields each n-th element from the first on.
func every[T any](all []T, n, first int) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := first; i < len(all); i += n {
			if !yield(all[i]) {
				return
			}
		}
	}
}

// inParallel does the same to all of them, n at a time.
func inParallel[T any](n int, all []T, do func(T)) {
	queue := make(chan T)
	var workers sync.WaitGroup
	for range max(n, 1) {
		workers.Go(func() {
			for one := range queue {
				do(one)
			}
		})
	}
	for _, one := range all {
		queue <- one
	}
	close(queue)
	workers.Wait()
}

// placed looks for the places of all mutations, whichever are tried: who changes a line gets to know at once.
func placed(all []mutation) error {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	var missing []error
	for _, m := range all {
		if _, err := m.overlay(dir); err != nil {
			missing = append(missing, fmt.Errorf("%s: %w", m.name, err))
		}
	}
	return errors.Join(append(missing, os.RemoveAll(dir))...)
}

// untouched runs the tests without any mutation: what is red anyway proves nothing.
func untouched(ctx context.Context, chosen []mutation) error {
	patterns := map[string][]string{}
	for _, m := range chosen {
		for _, c := range m.red {
			patterns[c.folder] = append(patterns[c.folder], c.run)
		}
	}
	var mu sync.Mutex
	var failures []error
	inParallel(2, slices.Sorted(maps.Keys(patterns)), func(folder string) {
		runs := patterns[folder]
		slices.Sort(runs)
		output, err := goTest(ctx, check{folder, strings.Join(slices.Compact(runs), "|")})
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			failures = append(failures, fmt.Errorf("%s fails without a mutation: %w\n%s", folder, err, output))
		}
	})
	return errors.Join(failures...)
}

// try applies a mutation and returns the names of the tests that noticed it.
func try(ctx context.Context, m mutation) (noticed string, err error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	var names []string
	for _, c := range m.red {
		output, err := goTest(ctx, c, "-overlay", overlay, "-count", "1")
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		failed, problem := c.judge(output, err)
		if problem != nil {
			return "", problem
		}
		names = append(names, failed...)
	}
	return strings.Join(names, ", "), nil
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// judge returns the innermost test that failed of each alternative, or why that is no proof.
func (c check) judge(output []byte, err error) (failed []string, problem error) {
	switch {
	case err == nil && bytes.Contains(output, []byte("no tests to run")):
		return nil, fmt.Errorf("no test of %s is named like %s", c.folder, c.run)
	case bytes.Contains(output, []byte("[build failed]")) || bytes.Contains(output, []byte("[setup failed]")):
		return nil, fmt.Errorf("does not compile\n%s", output)
	case bytes.Contains(output, []byte("panic: test timed out")):
		return nil, fmt.Errorf("%s of %s hangs", c.run, c.folder)
	case bytes.Contains(output, []byte("panic: ")):
		return []string{"a panic"}, nil // after which the others do not run
	}
	for _, alternative := range strings.Split(c.run, "|") {
		pattern, err := regexp.Compile(alternative)
		if err != nil {
			return nil, err
		}
		name := ""
		for _, match := range failure.FindAllSubmatch(output, -1) {
			if next := string(match[1]); pattern.MatchString(next) && (name == "" || strings.HasPrefix(next, name+"/")) {
				name = next
			}
		}
		if name == "" {
			return nil, fmt.Errorf("NOT NOTICED by %s of %s", alternative, c.folder)
		}
		failed = append(failed, name)
	}
	return failed, nil
}

// overlay writes the changed files and the list that the compiler reads.
func (m mutation) overlay(dir string) (string, error) {
	replace := map[string]string{}
	for i, e := range m.edits {
		path, err := filepath.Abs(filepath.FromSlash(e.file))
		if err != nil {
			return "", err
		}
		text, err := os.ReadFile(cmp.Or(replace[path], path))
		if err != nil {
			return "", err
		}
		if n := strings.Count(string(text), e.old); n != 1 {
			return "", fmt.Errorf("%s has %d times, want once: %s", e.file, n, e.old)
		}
		changed := filepath.Join(dir, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(changed, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o600); err != nil {
			return "", err
		}
		replace[path] = changed
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}

// goTest returns what the tests print. It gives up on those that hang.
func goTest(ctx context.Context, c check, more ...string) ([]byte, error) {
	args := append([]string{"test", "-vet", "off", "-timeout", "120s", "-run", c.run}, more...)
	return exec.CommandContext(ctx, "go", append(args, "./"+c.folder)...).CombinedOutput()
}
