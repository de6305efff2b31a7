package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/intentgate/intentgate/gateway/callertoken"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// files makes the paths of files absolute, starting from folder, and adds every file that is not what it should be as of
// now.
func (r *report) files(config *gatewayv1.Config, folder string, now time.Time) {
	if pair := config.GetEdge().GetCertificate(); pair != nil {
		r.pair("edge.certificate", &pair.Cert, &pair.Key, folder, now)
	}
	if edge := config.GetEdge(); edge != nil {
		edge.Listen = absoluteSocket(folder, edge.GetListen())
	}
	if acme := config.GetEdge().GetAcme(); acme != nil {
		r.roots("edge.acme.ca", &acme.Ca, folder)
		acme.Folder = absolute(folder, acme.GetFolder())
	}
	if pair := config.GetStatus().GetCertificate(); pair != nil {
		r.pair("status.certificate", &pair.Cert, &pair.Key, folder, now)
	}
	r.telemetry("telemetry", config.GetTelemetry(), folder, now)
	for i, profile := range config.GetEdge().GetClients() {
		if roots, at := profile.GetRoots(), fmt.Sprintf("edge.clients[%d].roots", i); roots != nil {
			r.roots(at+".file", &roots.File, folder)
			r.rootsFolder(at+".folder", &roots.Folder, folder)
			r.roots(at+".ssl_com", &roots.SslCom, folder)
			r.roots(at+".gts", &roots.Gts, folder)
		}
	}
	r.secrets(config, folder)
	if keys := config.GetIdTokenKeys(); keys != nil {
		r.there("id_token_keys.file", &keys.File, folder)
		r.roots("id_token_keys.ca", &keys.Ca, folder)
	}
	for i := range config.GetCallerTokens().GetKeys() {
		path, at := &config.CallerTokens.Keys[i], fmt.Sprintf("caller_tokens.keys[%d]", i)
		if r.there(at, path, folder) {
			if _, err := callertoken.ReadKey(*path); err != nil {
				r.field(at, "%s", err.Error())
			}
		}
	}
	for i, service := range config.GetServices() {
		service.Target = absoluteSocket(folder, service.GetTarget())
		if intents := service.GetIntents(); intents != nil {
			r.there(fmt.Sprintf("services[%d].intents.descriptor_set", i), &intents.DescriptorSet, folder)
		}
		if tls, at := service.GetTls(), fmt.Sprintf("services[%d].tls", i); tls != nil {
			r.roots(at+".ca", &tls.Ca, folder)
			r.pair(at, &tls.Cert, &tls.Key, folder, now)
		}
	}
}

// pair checks a certificate of the gateway's own with its key.
func (r *report) pair(at string, cert, key *string, folder string, now time.Time) {
	certThere, keyThere := r.there(at+".cert", cert, folder), r.there(at+".key", key, folder)
	if !certThere || !keyThere {
		return
	}
	_, err := mtls.OpenKeyPair(*cert, *key, mtls.Options{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	switch {
	case err != nil && strings.HasPrefix(err.Error(), *key) && *key != *cert:
		r.field(at+".key", "%s", err.Error())
	case err != nil:
		r.field(at+".cert", "%s", err.Error())
	}
}

// roots checks a file of CAs.
func (r *report) roots(at string, path *string, folder string) {
	if !r.there(at, path, folder) {
		return
	}
	if _, err := mtls.ReadRoots(*path); err != nil {
		r.field(at, "%s", err.Error())
	}
}

// rootsFolder checks a folder of CAs.
func (r *report) rootsFolder(at string, path *string, folder string) {
	if *path == "" {
		return
	}
	*path = absolute(folder, *path)
	if r.alone {
		return
	}
	if _, err := mtls.ReadRootsFolder(*path); err != nil {
		r.field(at, "%s", err.Error())
	}
}

// there makes a path absolute and says whether there is a file that can be looked at.
func (r *report) there(at string, path *string, folder string) bool {
	if *path == "" {
		return false // where it is needed, that is told
	}
	*path = absolute(folder, *path)
	if r.alone {
		return false
	}
	info, err := os.Stat(*path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.field(at, "the file %s does not exist; paths start from the configuration's folder", quote(*path))
	case err != nil:
		r.field(at, "the file %s cannot be read: %s", quote(*path), err.Error())
	case !info.Mode().IsRegular(): // a pipe would block
		r.field(at, "%s is no file; want one", quote(*path))
	default:
		return true
	}
	return false
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
