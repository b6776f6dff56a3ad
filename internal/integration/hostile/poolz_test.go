package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// pageSchema returns a schema of the live page that allows no other fields.
func pageSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../../exporters/poolz/" + name)
	testutil.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	testutil.NoError(t, err)
	forbidOthers(document)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	testutil.NoError(t, compiler.AddResource(name, document))
	schema, err := compiler.Compile(name)
	testutil.NoError(t, err)
	return schema
}

// forbidOthers forbids unknown properties of objects.
func forbidOthers(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, known := s["properties"].(map[string]any); known {
			s["additionalProperties"] = false
		}
		for _, part := range s {
			forbidOthers(part)
		}
	case []any:
		for _, part := range s {
			forbidOthers(part)
		}
	}
}

// servedPools returns a misused pool with that name, and the instrumentation of a pool without hooks.
func servedPools(t *testing.T, name, operation string) (s *service, withoutHooks *otelpool.Instrumentation) {
	t.Helper()
	config := onDatabase(t, 4)
	plain, err := pgxpool.NewWithConfig(t.Context(), config.Copy())
	testutil.NoError(t, err)
	t.Cleanup(plain.Close)
	withoutHooks, err = otelpool.Register(plain, otelpool.WithPoolName("plain"))
	testutil.NoError(t, err)
	s = newService(t, config, otelpool.WithPoolName(name))
	misuseUnit(t, s.pool, operation)
	return s, withoutHooks
}

// readPoolz reads the JSON of the live page at a path, which must match its schema.
func readPoolz(t *testing.T, schema *jsonschema.Schema, path string, into any, insts ...*otelpool.Instrumentation) {
	t.Helper()
	text := poolzBody(path, insts...)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = errors.Join(schema.Validate(value), json.Unmarshal(text, into))
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if schema.Validate(map[string]any{"version": json.Number("2"), "pools": []any{}}) == nil {
		t.Error("the schema allows another version")
	}
}

func TestReportMatchesItsSchema(t *testing.T) {
	t.Parallel()
	hostileName := "</script>\u202e\x00\x1b\xff\"" + strings.Repeat("é", 10_000)
	s, withoutHooks := servedPools(t, strings.ToValidUTF8(hostileName, ""), hostileName)
	conn, err := s.pool.Acquire(otelpool.WithOperation(context.Background(), hostileName))
	testutil.NoError(t, err)
	defer conn.Release()
	var d poolz.Document
	readPoolz(t, pageSchema(t, "report.schema.json"), "/report.json", &d, s.inst, withoutHooks)
	if len(d.Pools) != 2 || len(d.Pools[0].Findings) == 0 || len(d.Pools[0].Report.Holds) == 0 || len(d.Pools[0].Report.LastMinute.Operations) == 0 {
		t.Errorf("the report lacks fields: %+v", d)
	}
}

func TestHistoryMatchesItsSchema(t *testing.T) {
	t.Parallel()
	s, withoutHooks := servedPools(t, "</script>\u202e\x00\x1b\"", "misuse")
	schema := pageSchema(t, "history.schema.json")
	testutil.Eventually(t, "the history grows", func() bool {
		var h poolz.History
		readPoolz(t, schema, "/history.json", &h, s.inst, withoutHooks)
		return len(h.Pools) == 2 && len(h.Pools[0].Moments) > 2
	})
}

func poolzBody(path string, insts ...*otelpool.Instrumentation) []byte {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:40000", "localhost"
	poolz.Handler(insts).ServeHTTP(w, r)
	return w.Body.Bytes()
}

// misuseUnit fails, nests acquires, and releases connections in a transaction and with rows open.
func misuseUnit(t *testing.T, pool *pgxpool.Pool, operation string) {
	t.Helper()
	ctx := otelpool.WithScope(otelpool.WithOperation(context.Background(), operation), "scope")
	if _, err := pool.Exec(ctx, "SELECT nonsense"); err == nil {
		t.Error("nonsense did not fail")
	}
	outer, err := pool.Acquire(ctx)
	testutil.NoError(t, err)
	defer outer.Release()
	for _, leave := range []func(*pgxpool.Conn) error{
		func(c *pgxpool.Conn) error { _, err := c.Begin(ctx); return err },
		func(c *pgxpool.Conn) error { _, err := c.Query(ctx, "SELECT generate_series(1, 3)"); return err },
	} {
		inner, err := pool.Acquire(ctx)
		testutil.NoError(t, err)
		testutil.Check(t, leave(inner))
		inner.Release()
	}
}
