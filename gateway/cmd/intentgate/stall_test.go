package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestStalledLog has nobody read the log, as where whatever collects it hangs: the gateway starts, answers, and stops.
func TestStalledLog(t *testing.T) {
	t.Parallel()
	reader, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	t.Cleanup(func() { _ = log.Close() })
	if err := log.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Write(bytes.Repeat([]byte("\n"), 4<<20)); err == nil {
		t.Fatal("the pipe is not full")
	}
	if err := log.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	s := startService(t, dir, "127.0.0.1:0", nil)
	configure(t, dir, edit{"127.0.0.1:1\n", s.addr + "\n"})
	g := serveLogging(t, dir, log)
	for deadline := time.Now().Add(patience); get(t, g.Status+"/readyz").StatusCode != http.StatusOK; {
		if time.Now().After(deadline) {
			t.Fatal("not ready")
		}
		time.Sleep(10 * time.Millisecond)
	}
	client := g.dialogflow(t)
	for range 20 {
		wantES(t, g.post(t, client, esPath, esTurn("unread")), "heard unread")
	}
	if !strings.Contains(get(t, g.Status+"/metrics").body, "intentgate_log_dropped_total 0\n") {
		t.Error("no count of lines that were dropped")
	}
	if err := g.wait(t); err != nil {
		t.Error(err)
	}
	_ = log.Close()
	unread, err := io.ReadAll(reader)
	if err != nil || len(bytes.Trim(unread, "\n")) > 0 {
		t.Errorf("the pipe was read meanwhile: %q, %v", unread, err)
	}
}
