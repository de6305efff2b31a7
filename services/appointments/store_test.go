package appointments

import (
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"

	appointmentsv1 "github.com/intentgate/intentgate/gen/go/shop/appointments/v1"
)

func TestAnswersAreBounded(t *testing.T) {
	db, err := openStore(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		p := page{tx: tx}
		for n := range remembered + 2 {
			if err := p.remember([]byte(strconv.Itoa(n)), &appointmentsv1.KeepAppointmentResponse{Text: "kept"}); err != nil {
				return err
			}
		}
		for id, want := range map[string]bool{"0": false, "1": false, "2": true, strconv.Itoa(remembered + 1): true} {
			if got := p.bucket(answers).Get([]byte(id)) != nil; got != want {
				t.Errorf("answer %s is kept: %t", id, got)
			}
		}
		for _, bucket := range []string{answers, order} {
			n := 0
			if err := p.bucket(bucket).ForEach(func(_, _ []byte) error { n++; return nil }); err != nil || n != remembered {
				t.Errorf("%s holds %d, %v, want %d", bucket, n, err, remembered)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
