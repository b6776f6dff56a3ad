package sqlname

import "testing"

var transactions = []statementCase{
	{"begin", "BEGIN"},
	{"begin isolation level serializable read only deferrable", "BEGIN"},
	{"BEGIN TRANSACTION", "BEGIN"},
	{"start transaction read write", "START TRANSACTION"},
	{"commit", "COMMIT"},
	{"commit and chain", "COMMIT"},
	{"end", "END"},
	{"rollback", "ROLLBACK"},
	{"rollback work", "ROLLBACK"},
	{"abort", "ABORT"},
	{"savepoint sp_1", "SAVEPOINT"},
	{"release savepoint sp_1", "RELEASE SAVEPOINT"},
	{"release sp_1", "RELEASE SAVEPOINT"},
	{"rollback to savepoint sp_1", "ROLLBACK TO SAVEPOINT"},
	{"rollback to sp_1", "ROLLBACK TO SAVEPOINT"},
	{"rollback transaction to savepoint sp_1", "ROLLBACK TO SAVEPOINT"},
	{"prepare transaction 'id'", "PREPARE TRANSACTION"},
	{"commit prepared 'id'", "COMMIT PREPARED"},
	{"rollback prepared 'id'", "ROLLBACK PREPARED"},
	{"begin; update a set b = 1; insert into c values (1); commit", "BEGIN UPDATE a INSERT c COMMIT"},
	{"set transaction isolation level serializable", "SET"},
}

func TestControlIsTransactionsAndSettingsOnly(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"begin": true, "start transaction read only": true, "commit": true, "end": true, "abort": true,
		"rollback": true, "rollback to a": true, "savepoint a": true, "release a": true,
		"prepare transaction 'a'": true, "commit prepared 'a'": true, "rollback prepared 'a'": true,
		"set local app.tenant = '1'": true, "reset all": true, "discard all": true,
		"begin; set transaction read only; savepoint a": true,
		"begin; update a set b = 1; commit":             false,
		"select 1 from commit":                          false,
		"select set_config('a', 'b', true)":             false,
		"listen a":                                      false,
		"call begin()":                                  false,
		"-- ping":                                       false,
	} {
		if got := Control(Summary(sql)); got != want {
			t.Errorf("Control(Summary(%q)) = %t", sql, got)
		}
	}
	for _, name := range []string{"", "BEGINNING", "SETTLE", "BEGIN ", "COMMIT order"} {
		if Control(name) {
			t.Errorf("Control(%q) = true", name)
		}
	}
}

func TestListensRequiresLeadingListen(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"LISTEN jobs": true, "listen jobs": true, "Listen\t\"Jobs\"": true, "LISTEN\"jobs\"": true, "LISTEN jobs; LISTEN mail": true,
		"-- name: ListenForJobs :exec\nLISTEN jobs": true, " /* a /* b */ */ listen jobs": true, "LISTEN/**/jobs": true,
		"": false, " ": false, "LISTEN": false, "LISTENS jobs": false, "listen_to jobs": false, "UNLISTEN jobs": false,
		"SELECT 1 -- LISTEN jobs": false, "LOCK jobs": false, "-- LISTEN jobs": false, "NOTIFY jobs": false, "\"LISTEN\" jobs": false,
	} {
		if got := Listens(sql); got != want {
			t.Errorf("Listens(%q) = %t", sql, got)
		}
	}
}

var commands = []statementCase{
	{"CALL app.proc(1, 'x')", "CALL app.proc"},
	{"call p((select max(x) from a))", "CALL p SELECT a"},
	{"execute plan(1, 'x')", "EXECUTE plan"},
	{"prepare plan (int) as select * from a where b = $1", "PREPARE SELECT a"},
	{"deallocate all", "DEALLOCATE"},
	{"do $$ begin delete from a; end $$", "DO"},
	{"do language plpgsql 'begin end'", "DO"},
	{"set search_path to secret", "SET"},
	{"set local app.user = 'secret'", "SET"},
	{"show server_version", "SHOW"},
	{"reset all", "RESET"},
	{"discard all", "DISCARD"},
	{"listen user_17", "LISTEN"},
	{"notify user_17, 'text'", "NOTIFY"},
	{"unlisten *", "UNLISTEN"},
	{"declare c no scroll cursor with hold for select * from a", "DECLARE SELECT a"},
	{"fetch forward 10 from c", "FETCH"},
	{"move next from c", "MOVE"},
	{"close c", "CLOSE"},
	{"explain select * from a", "EXPLAIN SELECT a"},
	{"explain analyze verbose update a set b = 1", "EXPLAIN UPDATE a"},
	{"explain (analyze, format json) with x as (select 1 from a) select * from x", "EXPLAIN SELECT a SELECT"},
	{"explain (select * from a)", "EXPLAIN SELECT a"},
	{"explain ((select * from a) union select 1)", "EXPLAIN SELECT a SELECT"},
	{"explain (analyze) (select * from a)", "EXPLAIN SELECT a"},
	{"lock table only a, b in access exclusive mode nowait", "LOCK a b"},
	{"lock a", "LOCK a"},
	{"vacuum", "VACUUM"},
	{"vacuum (full, analyze) a, b (c, d), e", "VACUUM a b e"},
	{"vacuum full freeze verbose analyze a", "VACUUM a"},
	{"analyze verbose a (b)", "ANALYZE a"},
	{"cluster a using i", "CLUSTER a"},
	{"reindex (verbose) table concurrently a", "REINDEX TABLE"},
	{"refresh materialized view concurrently v with no data", "REFRESH MATERIALIZED VIEW v"},
	{"grant select, update on a to b", "GRANT"},
	{"revoke all on a from b", "REVOKE"},
	{"comment on table a is 'x'", "COMMENT"},
	{"security label for p on table a is 'x'", "SECURITY LABEL"},
	{"checkpoint", "CHECKPOINT"},
	{"import foreign schema s from server r into l", "IMPORT FOREIGN SCHEMA"},
}

// definitions run once, so their summary is the verb and the kind alone.
var definitions = []statementCase{
	{"create table if not exists app.a (b int default 1, c text references d)", "CREATE TABLE"},
	{"create unlogged table a (like b including all)", "CREATE TABLE"},
	{"create temp table a with (fillfactor = 70) as select * from b, c with no data", "CREATE TABLE"},
	{"create table a as execute p", "CREATE TABLE"},
	{"create table a_2024 partition of a for values from (1) to (2)", "CREATE TABLE"},
	{"create materialized view a as with x as (select 1 from b) select * from x", "CREATE MATERIALIZED VIEW"},
	{"create or replace view a as select * from b", "CREATE VIEW"},
	{"create unique index concurrently if not exists i on a (b)", "CREATE INDEX"},
	{"create index on only a (b)", "CREATE INDEX"},
	{"create or replace function f(a int) returns int language sql as $$ select 1 from b $$", "CREATE FUNCTION"},
	{"create procedure p() begin atomic insert into a values (1); select 1 from b; end", "CREATE PROCEDURE"},
	{"create function f() returns int begin atomic select 1; end; select 1 from c", "CREATE FUNCTION"},
	{"create rule r as on insert to a do instead (insert into b values (1); delete from c); select 1", "CREATE RULE SELECT"},
	{"create constraint trigger t after insert on a for each row execute function f()", "CREATE TRIGGER"},
	{"create schema authorization joe", "CREATE SCHEMA"},
	{"create schema s create table a (b int)", "CREATE SCHEMA"},
	{"create user joe password 'x'", "CREATE USER"},
	{"create extension if not exists pgcrypto with schema s", "CREATE EXTENSION"},
	{"create text search configuration c (copy = english)", "CREATE TEXT SEARCH CONFIGURATION"},
	{"create statistics on a, b from c", "CREATE STATISTICS"},
	{"create something new", "CREATE"},
	{"create table t_1 (a int); create index on t_1 (a); insert into log values (1)", "CREATE TABLE CREATE INDEX INSERT log"},
	{"alter table if exists only app.a add column b int, drop column c", "ALTER TABLE"},
	{"alter table a attach partition a_2024 for values from (1) to (2)", "ALTER TABLE"},
	{"alter table all in tablespace a set tablespace b", "ALTER TABLE"},
	{"alter type e add value 'x'", "ALTER TYPE"},
	{"alter role joe set a = 'b'", "ALTER ROLE"},
	{"alter system set a = 'b'", "ALTER SYSTEM"},
	{"alter default privileges in schema s grant select on tables to r", "ALTER DEFAULT PRIVILEGES"},
	{"drop table if exists a, b.c, \"D\" cascade", "DROP TABLE"},
	{"drop function f(int, text), g(int)", "DROP FUNCTION"},
	{"drop index concurrently i", "DROP INDEX"},
	{"drop materialized view v", "DROP MATERIALIZED VIEW"},
	{"drop owned by joe", "DROP OWNED"},
	{"explain analyze create table a as select * from b", "EXPLAIN CREATE TABLE"},
}
