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
	if _, err := vacant(dir, o.Force); err != nil {
		return nil, err
	}
	p, err := New(o)
	if err != nil {
		return nil, err
	}
	return p.Write(dir)
}

// Write writes the PKI into a folder, which is made if need be. A folder that holds anything is refused unless
// Options.Force was given, which replaces files of the same names and leaves others alone. Keys are readable by their
// owner only. All is written beside before anything gets its name, so that a failure leaves nothing half done.
func (p *PKI) Write(dir string) (_ *Manifest, err error) {
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	exists, err := vacant(dir, p.force)
	if err != nil {
		return nil, err
	}
	beside := dir // a mount point, perhaps: it can neither be replaced nor moved to
	if !exists {
		beside = filepath.Dir(dir)
		if err := os.MkdirAll(beside, 0o750); err != nil {
			return nil, err
		}
	}
	temp, err := os.MkdirTemp(beside, ".intentgate-certs-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if err := fill(temp, files); err != nil {
		return nil, err
	}
	if exists {
		err = move(temp, dir, files)
	} else {
		err = os.Rename(temp, dir)
	}
	if err != nil {
		return nil, err
	}
	return &Manifest{Dir: dir, Files: files}, nil
}

// vacant reports whether the folder exists, and fails unless it may be written to.
func vacant(dir string, force bool) (exists bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case len(entries) > 0 && !force:
		return false, fmt.Errorf("folder %s is not empty, it holds %s; name another one, or replace what is in it with --force",
			dir, entries[0].Name())
	}
	return true, nil
}

// fill writes the files into a new folder.
func fill(dir string, files []File) error {
	if err := os.Mkdir(filepath.Join(dir, RefusedDir), 0o700); err != nil {
		return err
	}
	for _, file := range files {
		mode := fs.FileMode(0o644)
		if file.Secret {
			mode = 0o600
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(file.Path)), file.data, mode); err != nil {
			return err
		}
	}
	return nil
}

// move moves the files from one folder into another. Where it fails it removes what it has added, while what it has
// replaced stays replaced.
func move(from, to string, files []File) (err error) {
	var added []string
	defer func() {
		if err == nil {
			return
		}
		for i := len(added) - 1; i >= 0; i-- {
			err = errors.Join(err, os.Remove(added[i]))
		}
	}()
	refused := filepath.Join(to, RefusedDir)
	switch err := os.Mkdir(refused, 0o700); {
	case err == nil:
		added = append(added, refused)
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	for _, file := range files {
		path := filepath.FromSlash(file.Path)
		target := filepath.Join(to, path)
		_, missing := os.Lstat(target)
		if err := os.Rename(filepath.Join(from, path), target); err != nil {
			return err
		}
		if errors.Is(missing, fs.ErrNotExist) {
			added = append(added, target)
		}
	}
	return nil
}
