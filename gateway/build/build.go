// Package build tells what this program was built from: version, commit and every module in it, which Go's linker has written into
// the binary. It tells them also as a software bill of materials.
package build

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// Info is what a program was built from. What is not known is empty: the tests' binaries know of no commit.
type Info struct {
	Version  string `json:"version"` // of the module, such as `v1.2.3`; `(devel)` or a pseudo-version between releases
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // files were other than in the commit
	// Time is when the commit was made, in RFC 3339: the same commit makes the same binary, whenever it is built.
	Time     string `json:"time,omitempty"`
	Go       string `json:"go_version"`
	Platform string `json:"platform"` // such as `linux/amd64`

	main    string // the path of the module
	modules []*debug.Module
}

// Read returns what this program was built from.
func Read() Info {
	info := Info{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	read, ok := debug.ReadBuildInfo()
	if !ok { // built without modules
		return info
	}
	info.Version, info.main, info.modules = cmp.Or(read.Main.Version, "(devel)"), read.Main.Path, read.Deps
	for _, setting := range read.Settings {
		switch setting.Key {
		case "vcs.revision":
			info.Commit = setting.Value
		case "vcs.time":
			info.Time = setting.Value
		case "vcs.modified":
			info.Modified = setting.Value == "true"
		}
	}
	return info
}
