package scenarios

// schema creates the shop's tables. The table cost has the time that the function work takes, so that one operation or
// all of them can become slower on the server.
const schema = `
CREATE TABLE cost (operation text PRIMARY KEY, seconds float8 NOT NULL);
CREATE FUNCTION work(of text, factor float8) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(factor * seconds) FROM cost WHERE operation = of;
	RETURN 1;
END $$;
CREATE TABLE products (id int PRIMARY KEY, category int NOT NULL, name text NOT NULL, price int NOT NULL);
INSERT INTO products SELECT i, i % 10, 'product ' || i, 100 + i FROM generate_series(1, 200) i;
CREATE TABLE stock (product int PRIMARY KEY, n int NOT NULL);
INSERT INTO stock SELECT i, 1000000 FROM generate_series(1, 200) i;
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 500) i;
CREATE TABLE carts (customer int, product int, n int NOT NULL, PRIMARY KEY (customer, product));
INSERT INTO carts SELECT i, 1 + i % 200, 1 FROM generate_series(1, 500) i;
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int NOT NULL, product int NOT NULL, at timestamptz DEFAULT now());
CREATE INDEX ON orders (customer);
INSERT INTO orders (customer, product) SELECT 1 + i % 500, 1 + i % 200 FROM generate_series(1, 2000) i;
CREATE TABLE logins (customer int NOT NULL, at timestamptz DEFAULT now());
CREATE TABLE outbox (id bigserial PRIMARY KEY, message text NOT NULL);
INSERT INTO outbox (message) SELECT 'message ' || i FROM generate_series(1, 50) i;
`

// costs are the mean times of the operations, in addition to what PostgreSQL needs.
var costs = map[string]float64{
	"ListProducts":    0.045,
	"GetProduct":      0.015,
	"GetStock":        0.010,
	"GetCart":         0.025,
	"AddToCart":       0.025,
	"ReserveStock":    0.015,
	"InsertOrder":     0.040,
	"ListOrders":      0.060,
	"GetUser":         0.015,
	"InsertLogin":     0.012,
	"search products": 0.060,
	"SalesReport":     0.060,
	"outbox":          0.050,
	"touch session":   0.004,
}
