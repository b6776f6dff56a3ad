-- name: AddUser :one
INSERT INTO users (name) VALUES ($1) RETURNING id;

-- name: GetUser :one
SELECT * FROM users WHERE id = $1;

-- name: AddOrders :batchexec
INSERT INTO orders (user_id, cents) VALUES ($1, $2);

-- name: OrdersOfUser :many
SELECT cents FROM orders WHERE user_id = $1 ORDER BY id;
