package sqlname

import "testing"

var queries = []statementCase{
	{"select * from users", "SELECT users"},
	{"SELECT * FROM users;", "SELECT users"},
	{"select 1", "SELECT"},
	{"SELECT", "SELECT"},
	{"select * from Users", "SELECT users"},
	{"select * from public.users", "SELECT public.users"},
	{`select * from public."Weird Table" w`, `SELECT public."Weird Table"`},
	{`select * from "a""b"."c.d"`, `SELECT "a""b"."c.d"`},
	{`select * from "users" u, USERS, "Users", Users`, `SELECT users users "Users" users`},
	{`select * from "public"."Users" join App."users" on true`, `SELECT public."Users" app.users`},
	{`select * from GRÖSSE, "grÖsse", "größe", "a$b"`, "SELECT grÖsse grÖsse größe a$b"},
	// Without its quotes a reserved word is another thing, or an error. After a dot no word is reserved.
	{`select * from "user", app."user", "order", "position", "name"`, `SELECT "user" app.user "order" position name`},
	{`select * from "", "1a", "a b", " a", "a-b", "$a"`, `SELECT "" "1a" "a b" " a" "a-b" "$a"`},
	{`insert into "users" ("A") values (1)`, "INSERT users"},
	{`update Public."users" set "A" = 1`, "UPDATE public.users"},
	{`call "Do_It"(); call DO_IT(); truncate "A", "b"`, `CALL "Do_It" CALL do_it TRUNCATE "A" b`},
	{"select * from app /* c */ .\n -- d\n accounts", "SELECT app.accounts"},
	{`select * from U&"d\0061t" where x = 1`, `SELECT U&"d\0061t"`},
	{"select * from größe", "SELECT größe"},
	{"select * from events_2024_01", "SELECT events_2024_01"},
	{"select * from db.app.accounts", "SELECT db.app.accounts"},
	{"select * from a..b", "SELECT a"},
	{"select * from only parent p", "SELECT parent"},
	{"select * from only (parent) p", "SELECT parent"},
	{"select * from parent * where a = 1", "SELECT parent"},
	{"select * from a left outer join b using (id) natural join c cross join d", "SELECT a b c d"},
	{"select * from a join b on a.x = b.x, c", "SELECT a b c"},
	{"select * from (a join b on true) join c on true", "SELECT a b c"},
	{"select * from ((select 1 from a) union (select 2 from b)) x, c", "SELECT SELECT a SELECT b c"},
	{"select * from a join b on case when a.x then b.y end, c", "SELECT a b c"},
	{"select * from a, lateral (select * from b where b.x = a.x) l", "SELECT a SELECT b"},
	{"select * from a, lateral f(a.x) l, c", "SELECT a f c"},
	{"select * from generate_series(1, 10) g", "SELECT generate_series"},
	{"select * from unnest($1::int[], $2::text[]) with ordinality as t(a, b, n), c", "SELECT unnest c"},
	{"select * from rows from (f(1), s.g('x') as (a int, b text)) r, c", "SELECT f s.g c"},
	{"select * from rows r", "SELECT rows"},
	{"select * from a tablesample bernoulli (10) repeatable (3), b", "SELECT a b"},
	{"select * from (values (1, 'x'), (2, 'y')) v(a, b)", "SELECT"},
	{"select * from json_table(data, '$.a[*]' columns (x int path '$.x')) j, b", "SELECT json_table b"},
	{"select a, (select max(b) from c) from d", "SELECT SELECT c d"},
	{"select * from a where x in (select y from b) and exists (select from c)", "SELECT a SELECT b SELECT c"},
	{"select * from a where x = any (array(select y from b))", "SELECT a SELECT b"},
	{"select array[(select 1 from a), 2] from b", "SELECT SELECT a b"},
	{"select a from t1 union all select b from t2 except (select c from t3) order by 1, 2", "SELECT t1 SELECT t2 SELECT t3"},
	{"(select a from t1) intersect select b from t2", "SELECT t1 SELECT t2"},
	{"((select a from t1))", "SELECT t1"},
	{"select * from employees e join employees m on e.boss = m.id", "SELECT employees employees"},
	{"select * from a group by x, y having count(*) > 1 order by x, y limit 1 offset 2", "SELECT a"},
	{"select sum(x) over w from a window w as (partition by y order by z), v as (order by q)", "SELECT a"},
	{"select * from a for update of a, b skip locked", "SELECT a"},
	{"select * from a for no key update", "SELECT a"},
	{"select * from a fetch first 3 rows only", "SELECT a"},
	{"select extract(year from d) from a", "SELECT a"},
	{"select substring(x from 1 for 2), trim(both 'x' from y), overlay(x placing 'y' from 3) from a", "SELECT a"},
	{"select a is distinct from b, c is not distinct from d from t", "SELECT t"},
	{"select distinct on (a, b) c from t", "SELECT t"},
	{"select distinct a from t where b is distinct from c", "SELECT t"},
	{"select t.from, t.select, x as from, y as union from t", "SELECT t"},
	{"select a into temp table b from c", "SELECT b c"},
	{"select a into b from c", "SELECT b c"},
	{"select count(distinct x), count(*) filter (where y > 0) from t", "SELECT t"},
	{"select a[1:2], b[x:y] from t", "SELECT t"},
	{"select * from t where id = @id and name = :name and x::text = @from", "SELECT t"},
	{"select * from t where tags <@E'{it\\'s FROM x}' and y", "SELECT t"},
	{"select * from t where x <@array(select y from u)", "SELECT t SELECT u"},
	{"select * from current_date", "SELECT current_date"},
	{"select nextval('s')", "SELECT nextval"},
	{"table users", "TABLE users"},
	{"table only users order by a, b", "TABLE users"},
	{"values (1, 2), (3, 4)", "VALUES"},
	{"select * from (table a) x", "SELECT TABLE a"},
	{"select * from where x = 1", "SELECT"},
	{"select * from $1", "SELECT"},
	{"select * from 'a', b", "SELECT b"},
	{"select * from [a], b", "SELECT b"},
}

// functions are queries without FROM, which are named by the functions that they
// call.
var functions = []statementCase{
	{"SELECT pg_notify($1, $2)", "SELECT pg_notify"},
	{"select pg_notify ('from x', '');", "SELECT pg_notify"},
	{"select PG_NOTIFY(a, b)", "SELECT pg_notify"},
	{`select "pg_notify"(1), "Notify"(2), App . "do_it" /* c */ (3), app.coalesce(4)`, `SELECT pg_notify "Notify" app.do_it app.coalesce`},
	{"select a.b.c(1)", "SELECT a.b.c"},
	{"select now(), version() as v, f(1) + g(2) total, 3", "SELECT now version f g"},
	{"select f(), f()", "SELECT f f"},
	{"select upper(left(f(g(1)), 2)), left('a', 1)", "SELECT upper left"},
	{"select (f(1)), ((g(h(2)))), array[i(3)], (x)[j(4)]", "SELECT f g i j"},
	{"select f(g(1)) || h((i(2)))", "SELECT f h"},
	{"select -f(1), not g(2), case when h(3) then i(4) else j(5) end", "SELECT f g h i j"},
	{"select coalesce(f(1), 0), cast(g(2) as numeric(10, 2)), h(3)::varchar(3), greatest(1, i(4))", "SELECT f g h i"},
	{"select extract(epoch from now()), substring(f(1) from 2 for 3)", "SELECT extract substring"},
	{"select distinct f(1), all_of(2)", "SELECT f all_of"},
	{"select f(a => 1, b := g(2))", "SELECT f"},
	{"select f(1) in (1, 2), g(1) between (2) and (3), 4 = any (h(5)), x like (i(6))", "SELECT f g h i"},
	{"select f(1) over (partition by 1 order by 2), g(1) filter (where true)", "SELECT f g"},
	{"select (f(1)).x, (g(2)).*, (h(3)).i(4)", "SELECT f g h"},
	{"select :f(1), @g(2), $1(3)", "SELECT"},
	// Not functions.
	{"select 1, 'f(x)', current_date, current_user, x, a.b, (1), -(2), null", "SELECT"},
	{"select row(1, 2), array[1], (1, 2), cast(1 as int), nullif(1, 2), 1::numeric(1), timestamp(3) '1999-01-01'", "SELECT"},
	{"select cast('a' as character varying(3)), 'a'::app.type(3), interval(3) '1s'", "SELECT"},
	{"select 1 where f(1) order by g(2) limit h(3)", "SELECT"},
	{"select f(1) where g(2)", "SELECT f"},
	{"select f", "SELECT"},
	{"select f(1) f(2)", "SELECT f f"},
	// Each SELECT goes by its own FROM.
	{"select count(*), (select f(1)), max(x) from t", "SELECT SELECT f t"},
	{"select f((select max(x) from t)), g(1)", "SELECT f SELECT t g"},
	{"select exists (select 1 from t)", "SELECT SELECT t"},
	{"select exists(select f(1) from t), g(1)", "SELECT SELECT t g"},
	{"select f(1) union all select g(2) from t union select h(3)", "SELECT f SELECT t SELECT h"},
	{"select f(1) union (select g(2))", "SELECT f SELECT g"},
	{"select f(1) union values (g(2))", "SELECT f"},
	{"select * from a where b = (select f(1))", "SELECT a SELECT f"},
	{"select * from (select f(1)) x, lateral (select g(2)) y", "SELECT SELECT f SELECT g"},
	{"with x as (select f(1)), y(a, b) as (select g(2), 3) select h(4) from x", "SELECT f SELECT g SELECT"},
	{"select (with x(a) as (select 1) select f(a) from x), g(1)", "SELECT SELECT SELECT g"},
	{"insert into a select f(1) on conflict (b) do update set c = g(2) returning h(3)", "INSERT a SELECT f"},
	{"insert into a values (f(1))", "INSERT a"},
	{"update a set b = (select f(1)), c = g(2)", "UPDATE a SELECT f"},
	{"explain select f(1)", "EXPLAIN SELECT f"},
	{"select f(1); select g(2) from a; select h(3)", "SELECT f SELECT a SELECT h"},
	{"select f(1) into a", "SELECT f a"},
	{"copy (select f(1)) to stdout", "COPY SELECT f"},
	{"select f(1", "SELECT f"},
	{"select f(1))", "SELECT f"},
}

func TestSummaryOfFunctions(t *testing.T) {
	t.Parallel()
	checkSummaries(t, functions)
}

func TestSummaryOfQueries(t *testing.T) {
	t.Parallel()
	checkSummaries(t, queries)
}

var withQueries = []statementCase{
	{"with x as (select * from a) select * from x join b on true", "SELECT a SELECT b"},
	{"with x as (select 1 from a), y as (select 1 from x, b) select * from y, x", "SELECT a SELECT b SELECT"},
	{"with x(a, b) as not materialized (values (1, 2)) select * from x", "SELECT"},
	{`with "X" as (select 1) select * from "X", X, x`, "SELECT SELECT x x"},
	{`with recursive a as (select * from "b", B), B as (select 1 from d) select * from "a"`, "SELECT SELECT d SELECT"},
	{`with recursive a as (select * from "B", b), "B" as (select 1 from d) select * from A, "A"`, `SELECT b SELECT d SELECT "A"`},
	{`with x as (select 1) select * from "x", X, public.x, x(1)`, "SELECT SELECT public.x x"},
	{"with gone as (delete from a where b returning *) insert into c select * from gone", "DELETE a INSERT c SELECT"},
	{"with u as (update a set b = 1 returning *), i as (insert into c values (1) returning *) select 1", "UPDATE a INSERT c SELECT"},
	{"with x as (select 1) update x set a = 1 from x", "SELECT UPDATE x"},
	{"with x as (select 1) merge into t using x on true when matched then delete", "SELECT MERGE t"},
	{`with x as (select 1) select * from "X"`, `SELECT SELECT "X"`},
	{"with x as (select 1), y as (delete from a) select * from x", "SELECT DELETE a SELECT"},
	{"with x as (select 1), y as (update a set b = 1) select * from x", "SELECT UPDATE a SELECT"},
	{"with x as (select 1), y as (insert into a values (1)) select * from x", "SELECT INSERT a SELECT"},
	{"with x as (select 1), y as (merge into a using b on true when matched then delete) select * from x", "SELECT MERGE a b SELECT"},
	// Not recursive: within its own text the name refers to the table.
	{"with users as (select * from users) select * from users", "SELECT users SELECT"},
	{"with recursive t as (select 1 union all select n + 1 from t) select * from t", "SELECT SELECT SELECT"},
	// Recursive: the name is in scope before its definition.
	{"with recursive a as (select * from b, c), b as (select 1 from d) select * from a, b", "SELECT c SELECT d SELECT"},
	{"with recursive t(a) as (select 1 from e) search depth first by a, b set o, u as (select 1) cycle a, b set c using p select * from t, u", "SELECT e SELECT SELECT"},
	// A name is in scope only within its own brackets.
	{"select * from (with x as (select 1 from a) select * from x) y, x", "SELECT SELECT a SELECT x"},
	{"with x as (select 1) select 1; select * from x", "SELECT SELECT SELECT x"},
	{"insert into a with x as (select 1 from b) select * from x", "INSERT a SELECT b SELECT"},
	{"with x as (select 1) (select * from x, a)", "SELECT SELECT a"},
	{"with x as (values (1)) table x", "TABLE"},
	{"with x as (select 1 from a) values (1)", "SELECT a VALUES"},
}

func TestSummaryOmitsNamesOfWithQueries(t *testing.T) {
	t.Parallel()
	checkSummaries(t, withQueries)
}

var changes = []statementCase{
	{"INSERT INTO orders (a, b) VALUES ($1, $2) RETURNING id", "INSERT orders"},
	{"insert into app.orders as o default values", "INSERT app.orders"},
	{"insert into a (b) values (1) on conflict (b) do update set c = 1, d = excluded.d where a.e", "INSERT a"},
	{"insert into a select * from b on conflict (x, y) do update set c = 1, d = 2", "INSERT a SELECT b"},
	{"insert into a select * from b join c on b.x = c.x on conflict do nothing", "INSERT a SELECT b c"},
	{"insert into a (b) (select 1 from c)", "INSERT a SELECT c"},
	{"insert into a (b) values ((select 1 from c))", "INSERT a SELECT c"},
	{"insert into a overriding system value table b", "INSERT a TABLE b"},
	{"insert into a values (1), (2) union select 1 from b", "INSERT a SELECT b"},
	{"UPDATE app.accounts SET balance = balance - $1 WHERE id = $2", "UPDATE app.accounts"},
	{"update only a x set b = 1", "UPDATE a"},
	{"update a set (b, c) = (select 1, 2 from d) from e join f on true where g", "UPDATE a SELECT d e f"},
	{"update a set b = c is distinct from d from e", "UPDATE a e"},
	{"update a set b = extract(day from c)", "UPDATE a"},
	{"DELETE FROM a", "DELETE a"},
	{"delete from only a using b, c join d using (id) where a.x = b.x", "DELETE a b c d"},
	{"delete from a using (select 1 from b) x", "DELETE a SELECT b"},
	{"delete from a where current of c", "DELETE a"},
	{"merge into a t using b s on t.x = s.x when matched and s.y then update set c = 1, d = 2 when not matched then insert (c, d) values (1, 2)", "MERGE a b"},
	{"merge into a using (select 1 from b) s on true when matched then delete when not matched by source then do nothing", "MERGE a SELECT b"},
	{"copy a (b, c) from stdin with (format csv)", "COPY a"},
	{"COPY app.a FROM '/secret/path'", "COPY app.a"},
	{"copy (select * from a join b on true) to stdout", "COPY SELECT a b"},
	{"copy (delete from a returning *) to stdout", "COPY DELETE a"},
	{"copy binary a to stdout", "COPY a"},
	{"truncate a", "TRUNCATE a"},
	{"truncate table only a, b.c restart identity cascade", "TRUNCATE a b.c"},
	{"insert into", "INSERT"},
	{"update 'x' set y = 1", "UPDATE"},
}

func TestSummaryOfChanges(t *testing.T) {
	t.Parallel()
	checkSummaries(t, changes)
}
