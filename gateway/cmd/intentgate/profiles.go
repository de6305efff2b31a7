package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/config"
)

func newProfilesCommand() *cobra.Command {
	var (
		path   string
		asJSON bool
	)
	command := &cobra.Command{
		Use:   "profiles [--config FILE]",
		Short: "Show whose client certificates are trusted",
		Long: `Show whose client certificates are trusted: for each trust profile its chains, what a
certificate must say by each of them, and their roots with fingerprint and end.

Without a configuration it shows the built-in profile, Google's certificates for Dialogflow.`,
		Example: `  intentgate profiles
  intentgate profiles --config intentgate.yaml --json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			profiles, err := profilesOf(path)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), map[string]any{"profiles": profiles})
			}
			return tellProfiles(command.OutOrStdout(), profiles)
		},
	}
	command.Flags().StringVarP(&path, "config", "c", "", "a configuration file (default: the built-in profile alone)")
	command.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	if err := command.MarkFlagFilename("config", "yaml", "yml"); err != nil {
		panic(err) // a flag that is not there: a mistake in this function
	}
	return command
}

// profile is a trust profile as it is shown.
type profile struct {
	Name   string   `json:"name"`
	Agents []string `json:"agents,omitempty"` // whose certificates it proves
	Chains []chain  `json:"chains"`
}

type chain struct {
	Name      string   `json:"name"`
	Subject   string   `json:"subject"` // the rule, in words
	KeyUsages []string `json:"key_usages"`
	Roots     []root   `json:"roots"`
}

type root struct {
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"not_after"`
	SHA256   string    `json:"sha256"`
}

// profilesOf returns those of a configuration; without one the built-in one.
func profilesOf(path string) ([]profile, error) {
	var trusted []*authn.Profile
	if path == "" {
		builtIn, err := authn.Dialogflow()
		if err != nil {
			return nil, err
		}
		trusted = append(trusted, builtIn)
	} else {
		settings, err := config.Load(path, time.Now())
		if err != nil {
			return nil, err
		}
		if trusted, err = trustProfiles(settings.GetEdge().GetClients()); err != nil {
			return nil, err
		}
	}
	shown := make([]profile, 0, len(trusted))
	for _, p := range trusted {
		one := profile{Name: p.Name, Agents: p.Agents}
		for _, c := range p.Chains {
			link := chain{Name: c.Name, Subject: c.Subject.String()}
			for _, usage := range c.KeyUsages {
				link.KeyUsages = append(link.KeyUsages, usage.String())
			}
			for _, r := range c.Roots {
				sum := sha256.Sum256(r.Raw)
				link.Roots = append(link.Roots, root{Subject: r.Subject.String(), NotAfter: r.NotAfter.UTC(), SHA256: hex.EncodeToString(sum[:])})
			}
			one.Chains = append(one.Chains, link)
		}
		shown = append(shown, one)
	}
	return shown, nil
}

// tellProfiles writes them for people.
func tellProfiles(w io.Writer, profiles []profile) error {
	var text strings.Builder
	for _, p := range profiles {
		fmt.Fprintf(&text, "%s\n", p.Name)
		for _, agent := range p.Agents {
			fmt.Fprintf(&text, "  proves %s\n", agent)
		}
		for _, c := range p.Chains {
			fmt.Fprintf(&text, "  chain %s: %s, extended key usage %s\n", c.Name, c.Subject, strings.Join(c.KeyUsages, " or "))
			table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
			for _, r := range c.Roots {
				if _, err := fmt.Fprintf(table, "    %s\tuntil %s\tSHA-256 %s\n", r.Subject, r.NotAfter.Format(time.DateOnly), r.SHA256); err != nil {
					return err
				}
			}
			if err := table.Flush(); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
