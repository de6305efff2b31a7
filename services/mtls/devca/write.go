package devca

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	certMode = 0o644
	keyMode  = 0o600
)

// WriteFiles writes the chain and the key as PEM files, each swapped in by a rename, so that no reader finds half a
// file. The key comes first and is readable by its owner only. Between the two renames a reader may find a new key
// beside an old certificate: it has to compare them.
func (c *Certificate) WriteFiles(cert, key string) error {
	if err := writeFile(key, c.KeyPEM(), keyMode); err != nil {
		return err
	}
	return writeFile(cert, c.CertPEM(), certMode)
}

// WriteFile writes the authority's own certificate as a PEM file, swapped in by a rename.
func (a *Authority) WriteFile(cert string) error {
	return writeFile(cert, a.CertPEM(), certMode)
}

func writeFile(path string, data []byte, mode os.FileMode) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, errors.Join(err, temp.Close(), os.Remove(temp.Name())))
		}
	}()
	// The mode is set before there is anything to read.
	if err := temp.Chmod(mode); err != nil {
		return err
	}
	if _, err := temp.Write(data); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
