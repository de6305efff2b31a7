package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// effect is a line of the service's journal: something that it has done, with the answer to whoever asks for it again. That it
// is one line makes it one step: a crash leaves both, or neither.
type effect struct {
	Key    string `json:"key"`  // the idempotency key
	Turn   uint64 `json:"turn"` // the ask's number
	Answer []byte `json:"answer"`
}

// journal is the store of what the service has done: a [once.Store] that outlives the process.
type journal struct {
	logger *slog.Logger

	mu   sync.Mutex
	file *os.File
	// recent and older are the answers of the latest minutes; nobody asks for others again.
	recent, older map[string][]byte
	turned        time.Time // when recent became older
}

// kept is for how long at least answers are known. All that the file holds is known after a start.
const kept = 2 * time.Minute

// openJournal opens the file, or makes it, and remembers what stands in it. Half a line at its end, of a process that was killed
// meanwhile, is cut off.
func openJournal(path string, logger *slog.Logger) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600) //nolint:gosec // the path is the soak's own
	if err != nil {
		return nil, err
	}
	j := &journal{logger: logger, file: file, recent: map[string][]byte{}, turned: time.Now()}
	end, err := effects(file, func(e effect) { j.recent[e.Key] = e.Answer })
	if err == nil {
		err = file.Truncate(end)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

// effects reads lines to the end, and returns where the last whole one ends.
func effects(from io.Reader, each func(effect)) (end int64, err error) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		var e effect
		if err := json.Unmarshal(line, &e); err != nil {
			return end, fmt.Errorf("behind byte %d: %w", end, err)
		}
		each(e)
		end += int64(len(line))
	}
}

// Close closes the file.
func (j *journal) Close() error { return j.file.Close() }

type turnKey struct{}

// Get returns what was answered.
func (j *journal) Get(_ context.Context, key string) (answer []byte, ok bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if answer, ok = j.recent[key]; !ok {
		answer, ok = j.older[key]
	}
	return answer, ok, nil
}

// Put does what is asked: it writes it down, and returns when it is on the disk.
func (j *journal) Put(ctx context.Context, key string, answer []byte) {
	turn, _ := ctx.Value(turnKey{}).(uint64)
	line, err := json.Marshal(effect{Key: key, Turn: turn, Answer: answer})
	if err == nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		if time.Since(j.turned) > kept {
			j.older, j.recent, j.turned = j.recent, map[string][]byte{}, time.Now()
		}
		j.recent[key] = answer
		_, err = j.file.Write(append(line, '\n'))
		err = errors.Join(err, j.file.Sync())
	}
	if err != nil { // what is answered now is not true: the soak will miss it in the journal
		j.logger.Error("Journal not written", "error", err)
	}
}

// ledger is what the soak reads of the journal: what the service has done by its own account.
type ledger struct {
	file  *os.File
	at    int64
	keys  map[string]struct{}
	turns map[uint64]struct{}
}

func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600) //nolint:gosec // the path is the soak's own
	if err != nil {
		return nil, err
	}
	return &ledger{file: file, keys: map[string]struct{}{}, turns: map[uint64]struct{}{}}, nil
}

// read takes in what was written since, and tells of each effect that had been had before: of its key, or of its turn, by
// whatever key.
func (l *ledger) read(twice func(rule, what string)) error {
	if _, err := l.file.Seek(l.at, io.SeekStart); err != nil {
		return err
	}
	end, err := effects(l.file, func(e effect) {
		if _, done := l.keys[e.Key]; done {
			twice(ruleKey, fmt.Sprintf("key %s, turn %d", e.Key, e.Turn))
		} else if _, done := l.turns[e.Turn]; done {
			twice(ruleTurn, fmt.Sprintf("turn %d, the second time with key %s", e.Turn, e.Key))
		}
		l.keys[e.Key], l.turns[e.Turn] = struct{}{}, struct{}{}
	})
	l.at += end
	return err
}

// has reports whether the effect of a turn is in the journal.
func (l *ledger) has(turn uint64) bool {
	_, ok := l.turns[turn]
	return ok
}

var _ io.Writer = (*logScan)(nil)

// logScan reads the JSON lines of a process's log.
type logScan struct {
	rest []byte
	each func(line map[string]any)
}

// Write never fails. What is no JSON, such as the trace of a panic, is handed on as the message of a line.
func (s *logScan) Write(text []byte) (int, error) {
	s.rest = append(s.rest, text...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok {
			return len(text), nil
		}
		entry := map[string]any{}
		if json.Unmarshal(line, &entry) != nil {
			entry = map[string]any{"msg": string(line)}
		}
		s.each(entry)
		s.rest = rest
	}
}
