package pki_test

import (
	"crypto/tls"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/pki"
)

func write(t *testing.T, dir string) *pki.Manifest {
	t.Helper()
	manifest, err := pki.Write(dir, options())
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// tree lists all files below a folder, hidden ones too.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		path, err = filepath.Rel(dir, path)
		paths = append(paths, filepath.ToSlash(path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "certs")
	manifest := write(t, dir)
	if manifest.Dir != dir {
		t.Errorf("manifest says %s, want %s", manifest.Dir, dir)
	}
	readme, err := os.ReadFile(filepath.Join(dir, pki.Readme)) //nolint:gosec // written by this test
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, file := range manifest.Files {
		listed = append(listed, file.Path)
		info, err := os.Stat(filepath.Join(dir, file.Path))
		if err != nil {
			t.Fatal(err)
		}
		if file.Purpose == "" {
			t.Errorf("%s has no purpose", file.Path)
		}
		if want := fs.FileMode(0o600); (strings.HasSuffix(file.Path, ".key") || file.Secret) && info.Mode().Perm() != want {
			t.Errorf("%s has mode %s, want %s", file.Path, info.Mode(), want)
		}
		if file.Path != pki.Readme && !strings.Contains(string(readme), file.Path+" ") {
			t.Errorf("%s does not tell of %s", pki.Readme, file.Path)
		}
		key, isCert := strings.CutSuffix(file.Path, ".pem")
		key += ".key"
		if !isCert || !slices.ContainsFunc(manifest.Files, func(f pki.File) bool { return f.Path == key }) {
			continue
		}
		_, err = tls.LoadX509KeyPair(filepath.Join(dir, file.Path), filepath.Join(dir, key))
		if (err == nil) == (file.Reason == authn.KeyNotProven) {
			t.Errorf("%s and its key: %v, with the reason %q", file.Path, err, file.Reason)
		}
	}
	there := tree(t, dir)
	slices.Sort(listed)
	slices.Sort(there)
	if !slices.Equal(listed, there) {
		t.Errorf("manifest lists %q, the folder has %q", listed, there)
	}
	if strings.Contains(string(readme), "<no value>") || !strings.Contains(string(readme), "unknown_authority: ") {
		t.Errorf("%s has gaps:\n%s", pki.Readme, readme)
	}
	encoded, err := json.Marshal(manifest)
	if err != nil || !strings.Contains(string(encoded), `{"path":"refused/expired.pem","purpose":"expired the day before it was made","reason":"expired"}`) {
		t.Errorf("manifest is %s, %v", encoded, err)
	}
	if beside := tree(t, filepath.Dir(dir)); len(beside) != len(there) {
		t.Errorf("something was left beside the folder: %q", beside)
	}
}

func TestWriteIntoAnExistingFolder(t *testing.T) {
	dir := t.TempDir()
	files := write(t, dir).Files // while it is empty
	if there := tree(t, dir); len(there) != len(files) {
		t.Errorf("folder has %q", there)
	}
	_, err := pki.Write(dir, options())
	if err == nil || !strings.Contains(err.Error(), "is not empty") || !strings.Contains(err.Error(), "name a new one") {
		t.Errorf("error is %v, want one that says that the folder is not empty and what to do", err)
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "certs")} {
		if _, err := pki.Write(dir, options()); err == nil {
			t.Errorf("written into %s, which is no folder", dir)
		}
	}

	dir := t.TempDir()
	files := []pki.File{{Path: pki.EdgeCert}, {Path: pki.RefusedDir + "/copied.pem"}, {Path: pki.EdgeCert + "/below-a-file"}}
	if err := pki.Fill(dir, files); err == nil || !strings.Contains(err.Error(), pki.EdgeCert) {
		t.Errorf("error is %v, want one about %s", err, pki.EdgeCert)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// TestReadmeVerifies runs the commands of the README that need no gateway.
func TestReadmeVerifies(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is needed: install it with your package manager, e.g. apt-get install openssl")
	}
	dir := t.TempDir()
	o := options()
	o.Now, o.RSABits = time.Now, 2048 // what openssl holds against it
	if _, err := pki.Write(dir, o); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(dir, pki.Readme)) //nolint:gosec // written by this test
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(string(readme)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "openssl" || words[1] == "s_client" {
			continue
		}
		command := exec.CommandContext(t.Context(), openssl, words[1:]...) //nolint:gosec // our own README
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s%v\n%s", line, err, out)
		}
		ran++
	}
	if ran != 2 {
		t.Errorf("%d commands were found, want 2", ran)
	}
}
