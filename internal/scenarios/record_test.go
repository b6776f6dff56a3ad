package scenarios

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// fileOf returns the path of a scenario's file in a folder.
func fileOf(folder, name string, seed uint64, ext string) string {
	return filepath.Join(folder, strings.NewReplacer(" ", "-", ",", "").Replace(name)+"."+strconv.FormatUint(seed, 10)+ext)
}

// incident is what there is to know of a trouble by its numbers alone.
type incident struct {
	Before diagnose.Period `json:"before"` // the last minute in which all was well
	Now    diagnose.Period `json:"now"`    // the last ten seconds, after twenty of the trouble
	Oldest float64         `json:"oldest"` // age of the oldest hold then, in seconds
}

// record writes all that is seen in a scenario to the folder of -dump, a line each, and its incident to a file of its own.
func record(t *testing.T, o *options, name string, seed uint64) (end func()) {
	if err := os.MkdirAll(*dump, 0o777); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(fileOf(*dump, name, seed, ".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines, reported := json.NewEncoder(file), false
	var in incident
	o.record = func(r moment) {
		err := lines.Encode(r)
		switch {
		case r.Phase == Healthy:
			in.Before = r.Report.LastMinute
		case r.Phase == Trouble && r.Since >= 20 && !reported:
			reported, in.Now = true, r.Report.LastTenSeconds
			for _, h := range r.Report.Holds {
				in.Oldest = max(in.Oldest, h.OldestSeconds)
			}
			text, marshalErr := json.Marshal(in)
			err = errors.Join(err, marshalErr, os.WriteFile(fileOf(*dump, name, seed, ".json"), append(text, '\n'), 0o666))
		}
		if err != nil {
			t.Error(err)
		}
	}
	return func() { file.Close() }
}

// TestReplay judges what was recorded, so that a rule can be changed without running all again.
func TestReplay(t *testing.T) {
	if *replay == "" {
		return
	}
	for _, sc := range scenarios {
		files, err := filepath.Glob(strings.Replace(fileOf(*replay, sc.Name, 0, ".jsonl"), ".0.", ".*.", 1))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			t.Run(filepath.Base(name), func(t *testing.T) {
				file, err := os.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				var out outcome
				lines := json.NewDecoder(bufio.NewReader(file))
				for {
					var r moment
					if err := lines.Decode(&r); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						t.Fatal(err)
					}
					if err := out.see(sc, r); err != nil {
						t.Fatal(err)
					}
				}
				t.Logf("%s: %+v", sc.Name, out)
				for _, what := range judge(sc, out) {
					t.Error(what)
				}
			})
		}
	}
}
