package words_test

import (
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/words"
)

func TestIn(t *testing.T) {
	texts, err := words.New(map[string]string{"en": "hello", "de": "hallo", "de-CH": "grüezi", "pt-BR": "oi", "zh-Hant": "您好"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"en": "hello", "EN": "hello", "en-us": "hello", "en-GB": "hello", "en_AU": "hello",
		"de": "hallo", "de-AT": "hallo", "de-ch": "grüezi", "pt-br": "oi", "pt": "oi", "zh-TW": "您好", "deDE": "hallo",
		"": "", "fr": "", "fr-CH": "", "ja": "", "not a language": "", "zh-CN": "", "\xff": "", "0": "",
	} {
		if got, ok := texts.In(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t, want %q", name, got, ok, want)
		}
	}
}

func TestDefault(t *testing.T) {
	texts, err := words.New(map[string]string{"en": "hello", words.Default: "saluton"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"en-GB": "hello", "fr": "saluton", "": "saluton"} {
		if got, ok := texts.In(name); got != want || !ok {
			t.Errorf("%q: got %q, %t, want %q", name, got, ok, want)
		}
	}
	only, err := words.New(map[string]string{words.Default: "saluton"})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := only.In("fr"); got != "saluton" || !ok {
		t.Errorf("got %q, %t", got, ok)
	}
	var none *words.Texts
	if got, ok := none.In("en"); ok {
		t.Errorf("no texts say %q", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, want := range map[string]string{"english": `"english" is no language`, "e": "is no language", "": "is no language"} {
		if _, err := words.New(map[string]string{name: "hello"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
	if _, err := words.New(map[string]string{"en": " "}); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("got %v, want that it is empty", err)
	}
	if texts, err := words.New(nil); texts != nil || err != nil {
		t.Errorf("got %v, %v", texts, err)
	}
}

func FuzzIn(f *testing.F) {
	texts, err := words.New(map[string]string{"en": "hello", "de": "hallo"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"en-US", "de-AT", "x-klingon", "und", "mul"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if text, ok := texts.In(name); ok != (text != "") {
			t.Errorf("%q: got %q, %t", name, text, ok)
		}
	})
}
