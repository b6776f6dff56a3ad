package main

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/otelpool"
)

type userWithRoles struct {
	ID    int32    `json:"id"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
}

func (s *service) user(ctx context.Context, r *http.Request) (any, error) {
	id, err := number(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	ctx = otelpool.WithOperation(ctx, "get_user_with_roles")
	user := userWithRoles{ID: id}
	err = s.pool.QueryRow(ctx, `
		SELECT u.name, array(SELECT r.name FROM otelpool_demo.user_roles ur JOIN otelpool_demo.roles r ON r.id = ur.role_id WHERE ur.user_id = u.id)
		FROM otelpool_demo.users u WHERE u.id = $1`, id).Scan(&user.Name, &user.Roles)
	return user, err
}

func (s *service) search(ctx context.Context, r *http.Request) (any, error) {
	after, err := number(cmp.Or(r.FormValue("after"), "0"))
	if err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT name FROM otelpool_demo.users WHERE id > $1 ORDER BY id LIMIT 10`, after)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// report sleeps in the database instead of reading much data.
func (s *service) report(ctx context.Context, _ *http.Request) (any, error) {
	type row struct {
		Role  string `json:"role"`
		Users int    `json:"users"`
	}
	ctx = otelpool.WithOperation(ctx, "report_roles")
	rows, err := s.pool.Query(ctx, `
		SELECT r.name, (SELECT count(*) FROM otelpool_demo.user_roles ur WHERE ur.role_id = r.id)
		FROM pg_sleep($1), otelpool_demo.roles r ORDER BY r.id`, 0.3+0.4*rand.Float64())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[row])
}

// transfer names each statement but not the transaction: BEGIN and COMMIT are the names of its other operations.
func (s *service) transfer(ctx context.Context, _ *http.Request) (any, error) {
	type transfer struct {
		From   int `json:"from"`
		To     int `json:"to"`
		Amount int `json:"amount"`
	}
	// Transfers lock accounts in the order of their numbers, so that they cannot deadlock.
	from := 1 + rand.IntN(accounts-1)
	t := transfer{From: from, To: from + 1 + rand.IntN(accounts-from), Amount: 1 + rand.IntN(10)}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(otelpool.WithOperation(ctx, "take_from_account"),
			`UPDATE otelpool_demo.accounts SET balance = balance - $2 WHERE id = $1`, t.From, t.Amount)
		if err != nil {
			return err
		}
		// Work between queries counts in the hold time, not in the query time.
		time.Sleep(2 * time.Millisecond)
		_, err = tx.Exec(otelpool.WithOperation(ctx, "give_to_account"),
			`UPDATE otelpool_demo.accounts SET balance = balance + $2 WHERE id = $1`, t.To, t.Amount)
		return err
	})
	return t, err
}

func (s *service) dashboard(ctx context.Context, _ *http.Request) (any, error) {
	counts := map[string]int64{}
	batch := &pgx.Batch{}
	for name, sql := range map[string]string{
		"users":  `SELECT count(*) FROM otelpool_demo.users`,
		"grants": `SELECT count(*) FROM otelpool_demo.user_roles`,
		"money":  `SELECT sum(balance)::bigint FROM otelpool_demo.accounts`,
	} {
		batch.Queue(sql).QueryRow(func(row pgx.Row) error {
			var n int64
			err := row.Scan(&n)
			counts[name] = n
			return err
		})
	}
	ctx = otelpool.WithOperation(ctx, "load_dashboard")
	return counts, s.pool.SendBatch(ctx, batch).Close()
}

// importEvents adds events and keeps about the last thousand.
func (s *service) importEvents(ctx context.Context, _ *http.Request) (any, error) {
	const imported, kept = 50, 1000
	n, err := s.pool.CopyFrom(otelpool.WithOperation(ctx, "import_events"),
		pgx.Identifier{schemaName, "events"}, []string{"kind", "user_id"},
		pgx.CopyFromSlice(imported, func(int) ([]any, error) { return []any{"login", 1 + rand.IntN(users)}, nil }))
	if err != nil {
		return nil, err
	}
	_, err = s.pool.Exec(otelpool.WithOperation(ctx, "trim_events"),
		`DELETE FROM otelpool_demo.events WHERE id <= (SELECT max(id) FROM otelpool_demo.events) - $1::int`, kept)
	return map[string]int64{"imported": n}, err
}

func (s *service) grantRole(ctx context.Context, r *http.Request) (any, error) {
	user, err := number(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	role, err := number(r.PathValue("role"))
	if err != nil {
		return nil, err
	}
	tag, err := s.pool.Exec(otelpool.WithOperation(ctx, "grant_role"),
		`INSERT INTO otelpool_demo.user_roles (user_id, role_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, user, role)
	return map[string]bool{"new": tag.RowsAffected() > 0}, err
}
