package dialogflow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/dialogflow"
)

// TestReadNames has objects of few and of many names, each once, and then one of them once more, in one spelling or the other.
func TestReadNames(t *testing.T) {
	for _, n := range []int{1, 3, 255, 256, 257, 258, 1000} {
		for _, form := range []string{"%d", "n%d", "parameter_%d", "%d_parameter", `\u0061%d`} {
			var all strings.Builder
			for i := range n {
				fmt.Fprintf(&all, `"`+form+`": {"x": %d}, `, i, i)
			}
			spelt := strings.Replace(fmt.Sprintf(form, 0), "0", `\u0030`, 1)
			if strings.HasPrefix(form, `\`) {
				spelt = "a0"
			}
			for again, wanted := range map[string]string{
				"another": "", fmt.Sprintf(form, n/2): "stands twice in one object", fmt.Sprintf(form, n-1): "stands twice in one object",
				spelt: "stands twice in one object",
			} {
				turn, err := dialogflow.Read(dialogflow.ES, []byte(`{"session": "projects/shop/agent/sessions/1", "queryResult": {
					"action": "track", "parameters": {`+all.String()+`"`+again+`": 7}}}`))
				switch {
				case wanted != "":
					if err == nil || !strings.Contains(err.Error(), wanted) {
						t.Errorf("%d of %s and %s: error %v", n, form, again, err)
					}
				case err != nil || len(turn.Parameters) != n+1:
					t.Errorf("%d of %s and %s: %v", n, form, again, err)
				}
			}
		}
	}
}
