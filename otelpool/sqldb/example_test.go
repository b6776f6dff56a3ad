package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

func Example() {
	ctx := context.Background()
	db, inst, err := sqldb.Open(ctx, os.Getenv("DATABASE_URL"), otelpool.WithPoolName("orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close() // closes the pool as well, and ends its metrics

	// gorm.Open(postgres.New(postgres.Config{Conn: db})), bun.NewDB(db, pgdialect.New()), sqlx.NewDb(db, "pgx") ...
	var n int
	err = db.QueryRowContext(otelpool.WithScope(ctx, "GET /orders"), "SELECT count(*) FROM pg_class").Scan(&n)
	fmt.Println(n > 0, err, inst.Report().Used)
	// Output: true <nil> 0
}

// A service keeps the pool of its sql.DB.
func ExampleRegister() {
	config, err := pgx.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	connector, err := sqldb.Connector(config, otelpool.WithPoolName("orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	db := sql.OpenDB(connector) // before: sql.Open("pgx", url)
	defer db.Close()
	db.SetMaxOpenConns(10)
	inst, err := sqldb.Register(db)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db.Ping(), inst.Report().Idle, inst.Report().Settings.MaxConns)
	// Output: <nil> 1 10
}
