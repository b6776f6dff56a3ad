package scenarios

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// incident has the numbers of a trouble.
type incident struct {
	Before diagnose.Period `json:"before"` // the last healthy minute
	Now    diagnose.Period `json:"now"`    // the last ten seconds, twenty seconds into the trouble
	Oldest float64         `json:"oldest"` // age of the oldest hold then, in seconds
}

// record writes the incident of a scenario to the folder of -dump.
func record(t *testing.T, o *options, name string) {
	if err := os.MkdirAll(*dump, 0o777); err != nil {
		t.Fatal(err)
	}
	reported := false
	var in incident
	o.record = func(r moment) {
		switch {
		case r.Phase == Healthy:
			in.Before = r.Report.LastMinute
		case r.Phase == Trouble && r.Since >= 20 && !reported:
			reported, in.Now = true, r.Report.LastTenSeconds
			for _, h := range r.Report.Holds {
				in.Oldest = max(in.Oldest, h.OldestSeconds)
			}
			file := filepath.Join(*dump, strings.NewReplacer(" ", "-", ",", "").Replace(name)+".json")
			text, err := json.Marshal(in)
			if err := errors.Join(err, os.WriteFile(file, append(text, '\n'), 0o666)); err != nil {
				t.Error(err)
			}
		}
	}
}
