package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// files makes the paths of files absolute, starting from folder, and adds every file that cannot be read.
func (r *report) files(config *gatewayv1.Config, folder string) {
	file := func(at string, path *string) {
		if *path == "" {
			return // where it is needed, that is told
		}
		*path = absolute(folder, *path)
		if problem := unreadable(*path); problem != "" {
			r.field(at, "the file %s %s", quote(*path), problem)
		}
	}
	if pair := config.GetEdge().GetCertificate(); pair != nil {
		file("edge.certificate.cert", &pair.Cert)
		file("edge.certificate.key", &pair.Key)
	}
	for i, profile := range config.GetEdge().GetClients() {
		if roots, at := profile.GetRoots(), fmt.Sprintf("edge.clients[%d].roots", i); roots != nil {
			file(at+".file", &roots.File)
			file(at+".ssl_com", &roots.SslCom)
			file(at+".gts", &roots.Gts)
		}
	}
	for i, service := range config.GetServices() {
		service.Target = absoluteSocket(folder, service.GetTarget())
		if tls, at := service.GetTls(), fmt.Sprintf("services[%d].tls", i); tls != nil {
			file(at+".ca", &tls.Ca)
			file(at+".cert", &tls.Cert)
			file(at+".key", &tls.Key)
		}
	}
	if admin := config.GetAdmin(); admin != nil {
		admin.Listen = absoluteSocket(folder, admin.GetListen())
	}
}

// absolute returns path, starting from folder where it is relative.
func absolute(folder, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(folder, path)
}

// absoluteSocket makes the path in `unix:path` absolute and leaves other addresses alone.
func absoluteSocket(folder, address string) string {
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok || path == "" {
		return address
	}
	return "unix:" + absolute(folder, path)
}

// unreadable says why a file cannot be read, or "". Only regular files are opened: a pipe would block.
func unreadable(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist; paths start from the configuration's folder"
	case err != nil:
		return "cannot be read: " + cause(err)
	case info.IsDir():
		return "is a folder; want a PEM file"
	case !info.Mode().IsRegular():
		return "is no regular file; want a PEM file"
	}
	file, err := os.Open(path) //nolint:gosec // The configuration says so.
	if err != nil {
		return "cannot be read: " + cause(err) + "; give this user the right to read it"
	}
	_ = file.Close() // nothing was written
	return ""
}

// cause returns an error's text without the operation and the path, which are told already.
func cause(err error) string {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return err.Error()
}
