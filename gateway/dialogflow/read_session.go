package dialogflow

import (
	"fmt"
	"strings"
)

// parse takes s.Name apart. It returns what is wrong with it, or nothing.
//
//	ES  projects/P[/locations/L]/agent[/environments/E/users/U]/sessions/S
//	CX  projects/P/locations/L/agents/A[/environments/E]/sessions/S
//
// Parts that it does not know are passed over, and whatever follows sessions/ is the ID: API callers choose it freely.
// A dash, which stands for the default environment or user, is left out, and so is the name of the API's method, which
// CX was seen to leave at the end.
func (s *Session) parse(platform Platform) (problem string) {
	form := "projects/P/agent/sessions/S"
	if platform == CX {
		form = "projects/P/locations/L/agents/A/sessions/S"
	}
	if s.Name == "" {
		return "missing or empty, wanted the session's name, such as " + form
	}
	path, id, _ := strings.Cut(s.Name, "/sessions/")
	s.ID = strings.TrimSuffix(id, ":detectIntent")
	for path != "" {
		var part, value string
		part, path, _ = strings.Cut(path, "/")
		if part == "agent" { // the only one without a value: an ES project has one agent
			continue
		}
		value, path, _ = strings.Cut(path, "/")
		if value == "-" {
			continue
		}
		switch part {
		case "projects":
			s.Project = value
		case "locations":
			s.Location = value
		case "agents":
			s.Agent = value
		case "environments":
			s.Environment = value
		case "users":
			s.User = value
		}
	}
	if s.Project == "" || s.ID == "" || (s.Agent != "") != (platform == CX) {
		return fmt.Sprintf("wanted a name such as %s, saw %.*q", form, maxQuoted, s.Name)
	}
	return ""
}
