package secretref

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

const (
	// maxSize is the largest secret in bytes.
	maxSize = 4 << 10

	// Remedy says how a secret is made.
	Remedy = "make one, for example with: openssl rand -base64 32"
)

// Read reads a secret of at least so many bytes: one line of printable ASCII. One line end at its end is no part of it.
// Errors name the place and the remedy, never the secret.
func Read(from *gatewayv1.Secret, least int) (string, error) {
	place, read, name := Place(from), readFile, from.GetFile()
	if name == "" {
		read, name = readEnv, from.GetEnv()
	}
	secret, err := read(name)
	if err != nil {
		return "", err
	}
	secret = strings.TrimSuffix(strings.TrimSuffix(secret, "\n"), "\r")
	switch {
	case len(secret) > maxSize:
		return "", fmt.Errorf("%s: larger than %d bytes; want a secret and nothing else there; %s", place, maxSize, Remedy)
	case secret == "":
		return "", fmt.Errorf("%s: it is empty; write the secret there; %s", place, Remedy)
	case strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(secret) != secret:
		return "", fmt.Errorf("%s: holds what a header cannot carry unchanged; want one line of printable ASCII without spaces around it; %s", place, Remedy)
	case len(secret) < least:
		return "", fmt.Errorf("%s: a secret of %d bytes; want at least %d, since strangers may guess; %s", place, len(secret), least, Remedy)
	default:
		return secret, nil
	}
}

// Place says where a secret comes from: the file, or the variable as a shell writes it.
func Place(from *gatewayv1.Secret) string {
	if from.GetFile() != "" {
		return from.GetFile()
	}
	return "$" + from.GetEnv()
}

func readEnv(name string) (string, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set; set it where the gateway is started", name)
	}
	return value, nil
}

func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("%w; name a file with the secret", err)
	}
	if !info.Mode().IsRegular() { // a pipe would block
		return "", fmt.Errorf("%s: is no file; name the file of the secret", path)
	}
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxSize+3)) // with its line end, and one byte too much
	return string(data), errors.Join(err, file.Close())
}
