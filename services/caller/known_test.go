package caller

import (
	"fmt"
	"sync"
	"testing"

	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
)

// TestCallersAreThemselves proves that of callers who take one another's places each remains who it is.
func TestCallersAreThemselves(t *testing.T) {
	const many = 500 // and fewer places
	known := newCallers()
	var tries sync.WaitGroup
	for range 4 {
		tries.Go(func() {
			for i := range 2 * many {
				project := fmt.Sprint("shop-", i%many/2) // each twice in a row, too
				text, err := marshal.Marshal(&intentgatev1.Caller{
					Platform: intentgatev1.Platform_PLATFORM_ES, ProjectId: &intentgatev1.Caller_Value{Value: project},
				})
				if err != nil {
					t.Error(err)
				}
				who, refusal := known.decode(string(text))
				if refusal != nil || who.GetProjectId().GetValue() != project {
					t.Errorf("%s: got %v, %v", project, who, refusal)
					return
				}
			}
		})
	}
	tries.Wait()
	for _, refused := range []string{"no caller", ""} {
		for range 2 {
			if who, refusal := known.decode(refused); refusal == nil {
				t.Errorf("%q: got %v, want a refusal each time", refused, who)
			}
		}
	}
}
