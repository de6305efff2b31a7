package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	// maxFile is the largest file of a secret in bytes.
	maxFile = 4 << 10
	// minSecret is the fewest bytes of a secret: strangers may guess as often as they like.
	minSecret = 16

	remedy = "make one, for example with: openssl rand -base64 32"
)

// readFile reads a secret. One line end at the end of the file is no part of it.
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
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("%s: larger than %d bytes; want a secret alone in the file; %s", path, maxFile, remedy)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case secret == "":
		return "", fmt.Errorf("%s: the file is empty; write the secret there; %s", path, remedy)
	case strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(secret) != secret:
		return "", fmt.Errorf("%s: holds what a header cannot carry unchanged; want one line of printable ASCII without spaces around it; %s", path, remedy)
	case len(secret) < minSecret:
		return "", fmt.Errorf("%s: a secret of %d bytes; want at least %d, since strangers may guess; %s", path, len(secret), minSecret, remedy)
	default:
		return secret, nil
	}
}
