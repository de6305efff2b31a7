package fallback

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/router"
	"github.com/intentgate/intentgate/gateway/words"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// MaxText is how long a text may be, and MaxParameters how much there may be to remember, in bytes: Dialogflow takes answers of
// 64 KiB, and some write a text twice.
const (
	MaxText       = 4 << 10
	MaxParameters = 4 << 10
)

// Problem is why a fallback cannot be as it is configured.
type Problem struct {
	Path string // of the field, such as `routes[0].fallback.event`
	Text string // what was seen, what is wanted, the remedy
}

// Error returns the problem with its path.
func (p *Problem) Error() string { return p.Path + ": " + p.Text }

// New returns the fallbacks of a configuration, whose matches match makes ready for the router. The error joins a *Problem for each that
// can never be answered, or says nothing.
func New(settings *gatewayv1.Config, match func(*gatewayv1.Match) router.Match) (*Set, error) {
	c := compiler{}
	var served platforms
	for _, webhook := range settings.GetWebhooks() {
		served |= platformNamed(webhook.GetPlatform())
	}
	if served == 0 {
		served = both // the loader tells
	}
	set := &Set{services: map[string]*level{}, webhooks: map[string]*level{}}
	if global := settings.GetFallback(); global != nil && served&onES == 0 {
		c.problem("fallback", "it counts on ES only, and no webhook is of ES; give it to the webhooks, services or routes")
	} else {
		set.global = c.level("fallback", global, onES)
	}
	for i, turns := range settings.GetFallbacks() {
		at := fmt.Sprintf("fallbacks[%d]", i)
		rule, err := router.NewRule(match(turns.GetMatch()))
		if err != nil {
			c.problem(at+".match", "%s", err.Error())
		}
		if language := turns.GetMatch().GetLanguage(); language != "" {
			c.languages = append(c.languages, language)
		}
		of := turnLevel{rule, match(turns.GetMatch()), at, c.level(at+".fallback", turns.GetFallback(), served.among(&rule))}
		if of.level != nil {
			c.hidden(set.turns, &of)
			set.turns = append(set.turns, of)
		}
	}
	for i, service := range settings.GetServices() {
		set.services[service.GetName()] = c.level(fmt.Sprintf("services[%d].fallback", i), service.GetFallback(), served)
	}
	for i, webhook := range settings.GetWebhooks() {
		set.webhooks[webhook.GetPath()] = c.level(fmt.Sprintf("webhooks[%d].fallback", i), webhook.GetFallback(), platformNamed(webhook.GetPlatform()))
	}
	for i, route := range settings.GetRoutes() {
		rule, _ := router.NewRule(match(route.GetMatch())) // the router tells
		set.routes = append(set.routes, c.level(fmt.Sprintf("routes[%d].fallback", i), route.GetFallback(), served.among(&rule)))
	}
	if err := errors.Join(c.problems...); err != nil {
		return nil, err
	}
	set.named = c.languages
	return set, nil
}

// platforms are those whose turns can come to a fallback.
type platforms uint8

const (
	onES = platforms(1 << dialogflow.ES)
	onCX = platforms(1 << dialogflow.CX)
	both = onES | onCX
)

func platformNamed(name string) platforms {
	return map[string]platforms{"ES": onES, "CX": onCX}[name]
}

// among returns those of a rule; where no webhook is of them, it is not the fallback that is wrong.
func (p platforms) among(rule *router.Rule) platforms {
	var taken platforms
	for _, platform := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		if rule.Takes(platform) {
			taken |= 1 << platform
		}
	}
	if p&taken == 0 {
		return both
	}
	return p & taken
}

// compiler collects problems, and the languages that are named.
type compiler struct {
	problems  []error
	languages []string
}

func (c *compiler) problem(path, format string, args ...any) {
	c.problems = append(c.problems, &Problem{path, fmt.Sprintf(format, args...)})
}

// level compiles one fallback; nil where there is none.
func (c *compiler) level(at string, f *gatewayv1.Fallback, on platforms) *level {
	if f == nil {
		return nil
	}
	l := &level{general: c.answer(at, f, on)}
	for name, of := range f.GetCauses() {
		cause, ok := causeNamed(name)
		if !ok {
			continue // the schema's rules tell
		}
		at := at + "." + key("causes", name)
		if len(of.GetCauses()) > 0 {
			c.problem(at+".causes", "a cause has none of its own; remove it")
		} else if l.causes[cause] = c.answer(at, of, on); l.causes[cause] == nil {
			c.problem(at, "%s", nothing)
		}
	}
	if l.general == nil && len(f.GetCauses()) == 0 {
		c.problem(at, "%s", nothing)
	}
	return l
}

// key is an element of a map in a path.
func key(of, name string) string { return of + "[" + strconv.Quote(name) + "]" }

const nothing = "nothing in it; want what is answered, such as text: {en: \"Please try again later.\"}, or remove it"

// answer compiles what is answered in general, or to one cause; nil where that is nothing.
func (c *compiler) answer(at string, f *gatewayv1.Fallback, on platforms) *answer {
	a := &answer{
		at: plain.Replace(at), event: strings.TrimSpace(f.GetEvent()), page: f.GetTargetPage(), flow: f.GetTargetFlow(),
		remember: f.GetSessionParameters(), text: c.text(at, f.GetText()),
	}
	words := len(f.GetText()) > 0 || f.GetEvent() != "" || a.page != "" || a.flow != "" || a.remember != nil
	switch {
	case f.GetStatus() != "":
		a.onPurpose = true
		a.status = c.status(at+".status", f.GetStatus())
		if words {
			c.problem(at+".status", "it is answered instead of everything else that stands here; remove the one or the other")
		}
	case !words:
		return nil
	}
	c.targets(at, a, on)
	if f.GetEvent() != "" && on&onES == 0 {
		c.problem(at+".event", "only ES has events, and here are turns of CX only; want target_page or target_flow, or remove it")
	}
	if a.event != "" && a.text != nil && on == onES {
		c.problem(at+".text", "it is never heard: on ES the event is raised instead; remove the one or the other")
	}
	if a.remember != nil && len(a.remember.GetFields()) == 0 {
		c.problem(at+".session_parameters", "nothing in it; want parameters by name, or remove it")
	}
	if size := proto.Size(a.remember); size > MaxParameters {
		c.problem(at+".session_parameters", "%d bytes; want at most %d", size, MaxParameters)
	}
	return a
}

// plain is a path as people write it.
var plain = strings.NewReplacer(`["`, ".", `"]`, "")

// text compiles the words.
func (c *compiler) text(at string, byLanguage map[string]string) *words.Texts {
	good := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(byLanguage)) {
		text := byLanguage[name]
		if err := CheckText(name, text); err != nil {
			c.problem(at+"."+key("text", name), "%s", err.Error())
			continue
		}
		good[name] = text
		if name != words.Default {
			c.languages = append(c.languages, name)
		}
	}
	texts, _ := words.New(good)
	return texts
}

// CheckText says what is wrong with a text for a language.
func CheckText(name, text string) error {
	if len(text) > MaxText {
		return fmt.Errorf("%d bytes; want at most %d", len(text), MaxText)
	}
	_, err := words.New(map[string]string{name: text})
	return err
}

// targets checks where a conversation is to go on.
func (c *compiler) targets(at string, a *answer, on platforms) {
	for _, target := range []struct {
		name, value, wanted string
		form                *regexp.Regexp
	}{
		{"target_page", a.page, "pages/P, flows/F/pages/P", pageName}, {"target_flow", a.flow, "flows/F", flowName},
	} {
		switch {
		case target.value == "":
		case on&onCX == 0:
			c.problem(at+"."+target.name, "only CX has pages and flows, and here are turns of ES only; want event or text, or remove it")
		case !target.form.MatchString(target.value):
			c.problem(at+"."+target.name, "%q; want %s, or such a name in full, from projects/ on", target.value, target.wanted)
		}
	}
	if a.page != "" && a.flow != "" {
		c.problem(at+".target_flow", "there is a target_page already; remove the one or the other")
	}
}

var (
	pageName = regexp.MustCompile(`^((projects/[^/]+/locations/[^/]+/agents/[^/]+/)?flows/[^/]+/)?pages/[^/]+$`)
	flowName = regexp.MustCompile(`^(projects/[^/]+/locations/[^/]+/agents/[^/]+/)?flows/[^/]+$`)
)

// status reads the name of a code.
func (c *compiler) status(at, name string) (code codes.Code) {
	if name == "OWN" {
		return codes.OK
	}
	if err := code.UnmarshalJSON([]byte(strconv.Quote(name))); err != nil || code == codes.OK {
		c.problem(at, "%q; want OWN for that of the failure, or the name of a gRPC code such as UNAVAILABLE, not OK", name)
	}
	return code
}

// hidden tells of turns whose fallback is never asked, since earlier ones have an answer to all of them.
func (c *compiler) hidden(earlier []turnLevel, of *turnLevel) {
	var by []string
	for _, p := range []dialogflow.Platform{dialogflow.ES, dialogflow.CX} {
		if !of.rule.Takes(p) {
			continue
		}
		i := slices.IndexFunc(earlier, func(e turnLevel) bool { return e.rule.Contains(p, &of.rule) && e.general.final(p) })
		if i < 0 {
			return
		}
		if by = append(by, earlier[i].at); len(by) == 2 && by[0] == by[1] {
			by = by[:1]
		}
	}
	if by != nil {
		c.problem(of.at, "can never be asked: all of its turns are answered by %s before; move it up, or remove it", strings.Join(by, " and "))
	}
}
