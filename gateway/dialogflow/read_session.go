package dialogflow

import "strings"

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
	parts := []struct {
		name  string
		value *string
	}{{"projects", &s.Project}, {"locations", &s.Location}, {"agents", &s.Agent}, {"environments", &s.Environment}, {"users", &s.User}}
	for path != "" {
		var name, value string
		name, path, _ = strings.Cut(path, "/")
		if name == "agent" { // the only one without a value: an ES project has one agent
			continue
		}
		value, path, _ = strings.Cut(path, "/")
		for _, part := range parts {
			if part.name != name {
				continue
			}
			if *part.value != "" { // one reader would take the first, another one the last
				return "names its " + name + " twice, wanted a name such as " + form
			}
			*part.value = value
		}
	}
	for _, part := range parts {
		if *part.value == "-" {
			*part.value = ""
		}
	}
	if !strings.HasPrefix(s.Name, "projects/") || s.Project == "" || s.ID == "" || (s.Agent != "") != (platform == CX) {
		return "another form than that of the platform's sessions, wanted a name such as " + form
	}
	return ""
}
