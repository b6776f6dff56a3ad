package otelpool_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestSummaryHoldsNamesEqualAsPostgreSQL(t *testing.T) {
	t.Parallel()
	pool := setup(t, 1, nil).pool
	spellings := []string{
		"users", "USERS", `"users"`, `"Users"`, `"USERS"`, "app.users", `App."users"`, `"App".users`, `"app".USERS`, `"app.users"`,
		"größe", `"größe"`, "GRÖSSE", `"grÖsse"`, "grösse", "a$b", `"a$b"`, "A$B", "_1", `"_1"`, `"1"`, `"a b"`, `"a"" b"`, `"a""b"`, `"""a"`,
	}
	names := make(map[string][]string)
	for _, spelling := range spellings {
		var parts []string
		testutil.NoError(t, pool.QueryRow(t.Context(), "SELECT parse_ident($1)", spelling).Scan(&parts))
		names[spelling] = parts
	}
	for _, a := range spellings {
		for _, b := range spellings {
			equal := slices.Equal(names[a], names[b])
			if x, y := otelpool.Summary("SELECT * FROM "+a), otelpool.Summary("SELECT * FROM "+b); (x == y) != equal {
				t.Errorf("%s and %s are equal to PostgreSQL: %t, but the summaries are %s and %s", a, b, equal, x, y)
			}
		}
	}
}

func TestSummaryKeepsQuotesOfReservedWords(t *testing.T) {
	t.Parallel()
	rows, err := setup(t, 1, nil).pool.Query(t.Context(), "SELECT word, catcode = 'R' FROM pg_get_keywords()")
	testutil.NoError(t, err)
	var word string
	var reserved bool
	if _, err := pgx.ForEachRow(rows, []any{&word, &reserved}, func() error {
		want := "SELECT " + word + " app." + word
		if reserved {
			want = `SELECT "` + word + `" app.` + word
		}
		if got := otelpool.Summary(`SELECT * FROM "` + word + `", app."` + word + `"`); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
