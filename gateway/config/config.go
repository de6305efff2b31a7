// Package config reads the gateway's configuration file: one strict YAML document whose schema is
// intentgate.gateway.v1.Config.
//
// A file is good, or every problem in it is told at once, each with its line and column, what was seen, what is wanted and
// the remedy. A load goes through one pipeline:
//
//  1. document: bytes → YAML nodes; refuses what YAML would let pass (duplicate keys, a second document, aliases, tags);
//  2. decode: nodes → message, remembering where each field stands; unknown keys and mistyped values;
//  3. rules: the schema's own protovalidate rules;
//  4. defaults, then checks: what no single field's rule can say, and whether the files can be read.
//
// Nodes are decoded here and not by protoyaml, because its problems carry their position only inside a text, it takes field
// numbers and two spellings of one name for the same key, lets an empty value pass, and panics on the rarer line breaks.
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// maxSize is the largest configuration file in bytes.
const maxSize = 1 << 20

// Load reads the configuration file at path. Defaults are filled in and the paths of files made absolute, starting from
// the folder of the configuration file. Certificates are to be valid now, secrets to be there. A file with problems gives an
// *Error that holds all of them. Replacements are made once what stands in the file is found to make sense, before files are
// looked at.
func Load(path string, now time.Time, replacements ...func(*gatewayv1.Config)) (*gatewayv1.Config, error) {
	return loading{now: now, replacements: replacements}.load(path)
}

// Reload is Load for a gateway that runs by another configuration: what it cannot change while it runs is a problem, too.
func Reload(path string, now time.Time, inForce *gatewayv1.Config) (*gatewayv1.Config, error) {
	return loading{now: now, inForce: inForce}.load(path)
}

// LoadAlone is Load without a look at anything but the file: for those who are not where the gateway runs. Where relative,
// paths of files stay as they are written.
func LoadAlone(path string, relative bool) (*gatewayv1.Config, error) {
	return loading{alone: true, relative: relative}.load(path)
}

// loading is how a file is loaded.
type loading struct {
	now             time.Time
	inForce         *gatewayv1.Config         // what must not change of it is not to
	replacements    []func(*gatewayv1.Config) // of what stands in the file
	alone, relative bool
}

func (l loading) load(path string) (*gatewayv1.Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	folder := ""
	if !l.relative {
		if folder, err = filepath.Abs(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("find the folder of %s: %w", path, err)
		}
	}
	return l.parse(path, folder, data)
}

// parse is load after reading: name is the file's name in problems, folder the start of relative paths.
func (l loading) parse(name, folder string, data []byte) (*gatewayv1.Config, error) {
	report := newReport(name, Schema{Keys: "edge, webhooks, services, routes", Wants: wants})
	report.alone = l.alone
	config := &gatewayv1.Config{}
	if root := report.document(data); root != nil {
		report.message(root, "", config.ProtoReflect())
		if err := report.rules(config); err != nil {
			return nil, err
		}
		FillDefaults(config)
		report.checks(config)
		if l.inForce != nil {
			report.unchanged(config, l.inForce)
		}
		for _, replace := range l.replacements {
			replace(config)
		}
		report.files(config, folder, l.now)
	}
	if err := report.err(); err != nil {
		return nil, err
	}
	return config, nil
}

// read reads a file of bounded size.
func read(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // The path of the configuration is the user's to choose.
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such configuration file; give its path with --config", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return data, nil
}
