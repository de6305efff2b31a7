package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes a PKI and writes it into a folder, see [PKI.Write].
func Write(dir string, o Options) (*Manifest, error) {
	// Found out before seconds are spent on keys.
	if err := vacant(dir); err != nil {
		return nil, err
	}
	p, err := New(o)
	if err != nil {
		return nil, err
	}
	return p.Write(dir)
}

// Write writes the PKI into a folder, which is made if need be; one that holds anything is refused. Keys are readable by
// their owner only. A failure leaves the folder empty.
func (p *PKI) Write(dir string) (*Manifest, error) {
	if err := vacant(dir); err != nil {
		return nil, err
	}
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := fill(dir, files); err != nil {
		return nil, err
	}
	return &Manifest{Dir: dir, Files: files}, nil
}

// vacant fails unless the folder is empty, or is not there.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("folder %s is not empty, it holds %s; name a new one, or empty it", dir, entries[0].Name())
	}
	return nil
}

// fill writes the files into an empty folder, all or none. They are not moved there from beside, because the folder may
// be a mount point, or where the user's shell is.
func fill(dir string, files []File) (err error) {
	defer func() {
		if err != nil {
			for _, file := range files {
				_ = os.Remove(filepath.Join(dir, file.Path)) // an error: it had not been written yet
			}
			_ = os.Remove(filepath.Join(dir, RefusedDir))
		}
	}()
	for _, file := range files {
		path, mode := filepath.Join(dir, file.Path), fs.FileMode(0o644)
		if file.Secret {
			mode = 0o600
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, file.data, mode); err != nil {
			return err
		}
	}
	return nil
}
