package conversation_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/conversation"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file's.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path) //nolint:gosec // of this package
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file)) //nolint:gosec // of this package
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBadFiles reads each file of testdata that is bad: what is wrong with it stands beside it.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			name := filepath.Base(path)
			_, err := conversation.Parse(name, read(t, name))
			if err == nil {
				t.Fatal("nothing is wrong with it")
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".golden.txt", err.Error()+"\n")
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	file, err := conversation.Parse("f.yaml", read(t, "everything.good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := file.Conversations[0]
	if c.Name != "one" || c.Line != 24 || c.Language != "en-GB" || c.Webhook != "/es" || !c.Plays("ES") || !c.Plays("CX") {
		t.Errorf("the conversation is %+v", c)
	}
	one, two := c.Turns[0], c.Turns[1]
	if one.Said() != "hi" || one.Row != 29 || one.Language != "fr" || one.Page != "p" || one.Agent != "Well?" || one.Retry != "NEW_ID" || one.Parameters.AsMap()["date"] != "2026-12-01" || one.Parameters.AsMap()["n"] != 7.0 {
		t.Errorf("the first turn is %+v", one)
	}
	if two.Said() != "event LATE" || two.Number != 2 || two.Retry != "SAME_ID" {
		t.Errorf("the second turn is %+v", two)
	}
	intent, page, event := file.Design.Intents["book"], file.Design.Pages["p"], file.Design.Events["webhook.error"]
	if intent.Action != "a" || intent.Tag != "t" || intent.Events[0] != "LATE" || !intent.Parameters[0].Required || intent.Text == nil {
		t.Errorf("the intent is %+v", intent)
	}
	if other := page.Form[0].Reprompt["en"]; other != "Which other day?" || page.Tag != "t" || page.Text == nil || page.Form[0].Name != "date" {
		t.Errorf("the page is %+v", page)
	}
	if event.Tag != "t" || event.Page != "p" || event.Text == nil {
		t.Errorf("the event is %+v", event)
	}
}

// FuzzParse has strangers' files neither panic nor be taken without something expected. A file that nothing changes in stays
// as it is.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, path := range files {
		data, err := os.ReadFile(path) //nolint:gosec // of this package
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := conversation.Parse("f.yaml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml:") {
				t.Errorf("the error %q has no position", err)
			}
			return
		}
		if len(file.Conversations) == 0 {
			t.Error("no conversations, and no error")
		}
		if same, changed, err := file.Update(nil); string(same) != string(data) || changed != 0 || err != nil {
			t.Errorf("%d changes, %v", changed, err)
		}
	})
}
