package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/intentgate/intentgate/gateway/config"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/gen/jsonschema"
)

func newConfigCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration that is in effect, compare it, and have editors know its keys",
		Args:  cobra.NoArgs,
		Example: `  intentgate config print --config intentgate.yaml
  intentgate config diff intentgate.yaml next.yaml
  intentgate config diff --config intentgate.yaml --admin 127.0.0.1:9901
  intentgate config schema > intentgate.schema.json`,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := command.Help(); err != nil {
				return err
			}
			return fmt.Errorf("a command is needed, such as `intentgate config print`")
		},
	}
	command.AddCommand(newConfigPrintCommand(), newConfigDiffCommand(), newConfigSchemaCommand())
	return command
}

func newConfigPrintCommand() *cobra.Command {
	var (
		path   string
		asJSON bool
	)
	command := &cobra.Command{
		Use:   "print [--config FILE]",
		Short: "Print what a configuration file means",
		Long: `Print what a configuration file means: with the defaults of all that is left out, and the paths of
files from the root. It is a configuration that loads again. Secrets are not in it, only the places
that they come from.

Only the file itself is looked at: neither the files that it names nor environment variables have
to be there. ` + "`intentgate check`" + ` looks at them.`,
		Example: `  intentgate config print
  intentgate config print --config intentgate.yaml --json | jq .edge.limits`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			settings, err := config.LoadAlone(path, false)
			if err != nil {
				return err
			}
			if asJSON {
				values, err := config.Values(settings)
				if err != nil {
					return err
				}
				return printJSON(command.OutOrStdout(), values)
			}
			text, err := config.Print(settings)
			if err != nil {
				return err
			}
			_, err = command.OutOrStdout().Write(text)
			return err
		},
	}
	configFlag(command, &path, "intentgate.yaml", "the configuration file")
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

// printed is what a file means.
func printed(path string, relative bool) ([]byte, error) {
	settings, err := config.LoadAlone(path, relative)
	if err != nil {
		return nil, err
	}
	return config.Print(settings)
}

func newConfigDiffCommand() *cobra.Command {
	var (
		path, admin string
		asJSON      bool
	)
	command := &cobra.Command{
		Use:   "diff FILE FILE | diff --config FILE --admin ADDRESS",
		Short: "Tell what is other in another configuration, and whether that needs a restart",
		Long: `Tell what is other in another configuration: key by key, defaults filled in. Order and comments do
not count, but for the order of routes and fallbacks, of which the first match wins, and of services,
of which the first one has what several claim. It says what cannot change while a gateway runs: a
file with such a change is refused until the gateway is started anew.

Two files are compared as they are written. With --admin a file is compared with what is in force in
a gateway that runs on this machine, by its admin listener.

It ends with status 0 if nothing is other, 1 if something is, and 2 if that cannot be told.`,
		Example: `  intentgate config diff intentgate.yaml next.yaml
  intentgate config diff <(git show HEAD:intentgate.yaml) intentgate.yaml
  intentgate config diff --config intentgate.yaml --admin 127.0.0.1:9901
  intentgate config diff intentgate.yaml next.yaml --json | jq 'any(.changes[]; .restart)'`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(command *cobra.Command, files []string) error {
			changes, err := differences(command, files, path, admin)
			if err != nil {
				return unplayable{err}
			}
			return tellChanges(command.OutOrStdout(), changes, asJSON)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	configFlag(command, &path, "intentgate.yaml", "the configuration file that is compared with what is in force")
	flags := command.Flags()
	flags.StringVar(&admin, "admin", "", "the admin listener of the gateway that runs, such as 127.0.0.1:9901")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func newConfigSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file, for editors",
		Long: `Print the JSON Schema (draft 2020-12) of the configuration file. Editors that know it complete keys,
tell what they mean, and mark mistakes while one writes. Those with yaml-language-server, such as
VS Code, are led to it by the first line of the file:

  # yaml-language-server: $schema=intentgate.schema.json`,
		Example: `  intentgate config schema > intentgate.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := command.OutOrStdout().Write(jsonschema.Intentgate)
			return err
		},
	}
}

// differences compares two files, or a file with what is in force.
func differences(command *cobra.Command, files []string, path, admin string) ([]config.Change, error) {
	var before, after []byte
	var err error
	switch {
	case len(files) == 2 && admin == "" && !command.Flags().Changed("config"):
		if before, err = printed(files[0], true); err == nil {
			after, err = printed(files[1], true)
		}
	case len(files) == 0 && admin != "":
		if before, err = inForce(command.Context(), admin); err == nil {
			after, err = printed(path, false)
		}
	default:
		err = errors.New("either two files are compared, or one with --admin; see `intentgate config diff --help`")
	}
	if err != nil {
		return nil, err
	}
	return config.Diff(before, after)
}

// inForce is what the gateway with an admin listener runs by.
func inForce(ctx context.Context, admin string) ([]byte, error) {
	host, _, err := net.SplitHostPort(admin)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && !ip.IsLoopback() {
		return nil, fmt.Errorf("--admin %q: want an address of this machine such as 127.0.0.1:9901, since nobody else may listen", admin)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/v1/config", http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask what is in force: %w; want the address of admin.listen of a gateway that runs", err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("ask what is in force: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask what is in force: HTTP status %s; is %s the admin listener?", response.Status, admin)
	}
	var answer gatewayv1.GetConfigResponse
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read what is in force: %w", err)
	}
	return []byte(answer.GetYaml()), nil
}

// tellChanges prints changes; that there are some is an error.
func tellChanges(w io.Writer, changes []config.Change, asJSON bool) error {
	restarts, text := 0, ""
	for _, change := range changes {
		if change.Restart {
			restarts++
		}
		text += change.String() + "\n"
	}
	var err error
	if asJSON {
		err = printJSON(w, map[string]any{"changes": changes, "restart": restarts > 0})
	} else {
		_, err = io.WriteString(w, text)
	}
	switch {
	case err != nil || len(changes) == 0:
		return err
	case restarts == 0:
		return fmt.Errorf("changes: %d; all of them can be reloaded", len(changes))
	default:
		return fmt.Errorf("changes: %d, of which %d cannot be reloaded: the gateway has to be started anew", len(changes), restarts)
	}
}
