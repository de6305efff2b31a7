package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/process"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
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
certificate must say by each of them, when they are meant to be used, and their roots with
fingerprint and end.

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
	configFlag(command, &path, "", "a configuration file (default: the built-in profile alone)")
	command.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
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
	Subject   string   `json:"subject"`          // the rule, in words
	Issuer    string   `json:"issuer,omitempty"` // likewise
	KeyUsages []string `json:"key_usages"`
	UsageOpen bool     `json:"usage_open"` // a certificate without any will do
	Dates     *dates   `json:"dates,omitempty"`
	Source    string   `json:"source,omitempty"` // the file or folder of the roots; built in without
	Roots     []root   `json:"roots"`
}

// rules says in words what a certificate must say.
func (c *chain) rules() string {
	rules := c.Subject
	if c.Issuer != "" {
		rules += ", an issuer with " + c.Issuer
	}
	rules += ", extended key usage " + strings.Join(c.KeyUsages, " or ")
	if c.UsageOpen {
		rules += " or left open"
	}
	return rules
}

type dates struct {
	When    string    `json:"-"` // in words
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Enforce bool      `json:"enforce"`
}

type root struct {
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"not_after"`
	SHA256   string    `json:"sha256"`
}

// loadProfiles loads those of a configuration; without one the built-in one.
func loadProfiles(path string) ([]*gatewayv1.Profile, []*authn.Profile, error) {
	settings := []*gatewayv1.Profile{{Name: authn.DialogflowName}}
	if path != "" {
		loaded, err := config.Load(path, time.Now())
		if err != nil {
			return nil, nil, err
		}
		settings = loaded.GetEdge().GetClients()
	}
	trusted, err := process.Profiles(settings)
	return settings, trusted, err
}

// profilesOf returns them as they are shown.
func profilesOf(path string) ([]profile, error) {
	settings, trusted, err := loadProfiles(path)
	if err != nil {
		return nil, err
	}
	shown := make([]profile, 0, len(trusted))
	for i, p := range trusted {
		one := profile{Name: p.Name, Agents: p.Agents}
		for j := range p.Chains {
			one.Chains = append(one.Chains, shownChain(&p.Chains[j], settings[i].GetRoots()))
		}
		shown = append(shown, one)
	}
	return shown, nil
}

func shownChain(c *authn.Chain, from *gatewayv1.Roots) chain {
	shown := chain{Name: c.Name, Subject: c.Subject.String(), Issuer: c.Issuer.String(), UsageOpen: c.UsageOpen}
	shown.Source = map[string]string{
		"ssl.com": from.GetSslCom(), "gts": from.GetGts(), "custom": cmp.Or(from.GetFile(), from.GetFolder()),
	}[c.Name]
	for _, usage := range c.KeyUsages {
		shown.KeyUsages = append(shown.KeyUsages, usage.String())
	}
	if c.Dates.String() != "" {
		shown.Dates = &dates{When: c.Dates.String(), From: c.Dates.From, Until: c.Dates.Until, Enforce: c.Dates.Enforce}
	}
	for _, r := range c.Roots {
		sum := sha256.Sum256(r.Raw)
		shown.Roots = append(shown.Roots, root{Subject: r.Subject.String(), NotAfter: r.NotAfter.UTC(), SHA256: hex.EncodeToString(sum[:])})
	}
	return shown
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
			fmt.Fprintf(&text, "  chain %s: %s\n", c.Name, c.rules())
			if c.Dates != nil {
				fmt.Fprintf(&text, "    used %s, %s\n", c.Dates.When, map[bool]string{true: "enforced", false: "not enforced"}[c.Dates.Enforce])
			}
			if c.Source != "" {
				fmt.Fprintf(&text, "    roots of %s\n", c.Source)
			}
			rows := make([][]string, len(c.Roots))
			for i, r := range c.Roots {
				rows[i] = []string{r.Subject, "until " + r.NotAfter.Format(time.DateOnly), "SHA-256 " + r.SHA256}
			}
			if err := printTable(&text, "    ", rows); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}
