package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestHelp asks each command for help, which has all its flags, and an example where there is more to type than its name.
func TestHelp(t *testing.T) {
	t.Parallel()
	commands := newCommand(io.Discard, io.Discard).Commands()
	if len(commands) < 3 {
		t.Fatalf("%d commands", len(commands))
	}
	for _, command := range commands {
		t.Run(command.Name(), func(t *testing.T) {
			t.Parallel()
			stdout, stderr, err := execute(t, command.Name(), "--help")
			if err != nil || stderr != "" {
				t.Fatalf("%v\n%s", err, stderr)
			}
			command.Flags().VisitAll(func(flag *pflag.Flag) {
				if !strings.Contains(stdout, "--"+flag.Name+" ") || flag.Usage == "" {
					t.Errorf("help does not tell of --%s:\n%s", flag.Name, stdout)
				}
			})
			if !strings.Contains(stdout, "Examples:") || !strings.Contains(stdout, "intentgate "+command.Name()) {
				t.Errorf("help has no example:\n%s", stdout)
			}
		})
	}
	stdout, _, err := execute(t, "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		if !strings.Contains(stdout, command.Name()+" ") {
			t.Errorf("help does not tell of %s:\n%s", command.Name(), stdout)
		}
	}
	if stdout, _, err := execute(t, "--version"); err != nil || !strings.HasPrefix(stdout, "intentgate version ") {
		t.Errorf("--version: %q, %v", stdout, err)
	}
}

// TestCompletion has the shells complete commands, flags and their values.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if stdout, _, err := execute(t, "completion", shell); err != nil || !strings.Contains(stdout, "intentgate") {
			t.Errorf("completion %s: %v\n%s", shell, err, stdout)
		}
	}
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{""}, []string{"serve\t", "certs\t", "demo\t"}},
		{[]string{"serve", "--log-f"}, []string{"--log-format"}},
		{[]string{"serve", "--log-format", ""}, []string{"text", "json"}},
		{[]string{"serve", "--config", ""}, []string{"yaml", "yml", ":8"}}, // files of these endings
		{[]string{"check", "--config", ""}, []string{"yaml", "yml", ":8"}},
		{[]string{"config", ""}, []string{"print\t", "diff\t", "schema\t"}},
		{[]string{"config", "diff", ""}, []string{"yaml", "yml", ":8"}},
		{[]string{"simulate", "--platform", ""}, []string{"ES", "CX"}},
		{[]string{"certs", "--out", ""}, []string{":16"}}, // folders
	} {
		stdout, _, err := execute(t, append([]string{"__complete"}, test.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q is completed without %q:\n%s", test.args, want, stdout)
			}
		}
	}
}
