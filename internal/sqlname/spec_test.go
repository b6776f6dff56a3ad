package sqlname

// statementCase is a text and the summary it should have.
type statementCase struct{ sql, want string }

// The examples of OpenTelemetry's docs/db/database-spans.md, "Generating a
// summary of the query", verbatim.
var specExamples = []statementCase{
	{`SELECT *
   FROM   wuser_table
   WHERE  username = ?`, "SELECT wuser_table"},
	{`INSERT INTO shipping_details
               (order_id,
               address)
   SELECT order_id,
          address
   FROM   orders
   WHERE  order_id = ?`, "INSERT shipping_details SELECT orders"},
	{`SELECT *
   FROM   songs,
          artists
   WHERE  songs.artist_id == artists.id`, "SELECT songs artists"},
	{`SELECT order_date
   FROM   (SELECT *
           FROM   orders o
                  JOIN customers c
                    ON o.customer_id = c.customer_id)`, "SELECT SELECT orders customers"},
	// The specification has "SELECT "song list" 'artists'" here. In PostgreSQL
	// 'artists' is a literal, not a table, so it is left out.
	{`SELECT *
    FROM   "song list",
           'artists'`, `SELECT "song list"`},
	// The specification notes that CALL is the SQL standard keyword. Its
	// example is for JDBC and keeps the lower case; Summary does not.
	{"call some_stored_procedure()", "CALL some_stored_procedure"},
	{"EXECUTE some_stored_procedure", "EXECUTE some_stored_procedure"},
}

// The inputs of OpenTelemetry's
// docs/non-normative/database-test-cases/db-sql-test-cases.json, verbatim.
//
// The specification keeps the case of a target. Summary writes an unquoted one in
// lower case, as PostgreSQL reads it.
var specCases = []statementCase{
	{"SELECT 12, -12, +12", "SELECT"},
	{"SELECT 12.34, -12.34, +12.34, .01, -.01", "SELECT"},
	{"SELECT 12.34e56, -12.34e56, +12.34e56", "SELECT"},
	{"SELECT 12.34e-56, -12.34e-56, +12.34e-56", "SELECT"},
	{"SELECT 99+100", "SELECT"},
	{"SELECT 0xDEADBEEF, 0XdeadBEEF", "SELECT"},
	{"SELECT 'hello'", "SELECT"},
	{"SELECT 'My name''s not important'", "SELECT"},
	{"SELECT 'My name is \n not important'", "SELECT"},
	{"SELECT c3po, r2d2 FROM covid19 WHERE n1h1=1234", "SELECT covid19"},
	{"SELECT a FROM dbo.Table JOIN dbo.AnotherTable", "SELECT dbo.table dbo.anothertable"},
	{"INSERT INTO X VALUES(1, 23456, 123.456, 99+100)", "INSERT x"},
	{"SELECT { guid '01234567-89ab-cdef-0123-456789abcdef' }", "SELECT"},
	{"SELECT * FROM table WHERE value IN (123, 456, 'abc')", "SELECT table"},
	{"SELECT column -- end of line comment\nFROM /* block \n comment */ table", "SELECT table"},
	{"INSERT INTO shipping_details\n(order_id,\naddress)\nSELECT order_id,\naddress\nFROM   orders\nWHERE  order_id = 1", "INSERT shipping_details SELECT orders"},
	{"SELECT order_date\nFROM   (SELECT *\nFROM   orders o\nJOIN customers c\nON o.customer_id = c.customer_id)", "SELECT SELECT orders customers"},
	// The two cases whose name ends in case_preserved. The specification has "SELEcT sELECT orders customers" and
	// "SELEcT ORders". Summary uses one spelling for what PostgreSQL considers equal.
	{"SELEcT order_date\nFROM   (sELECT *\nFROM   orders o\nJOIN customers c\nON o.customer_id = c.customer_id)", "SELECT SELECT orders customers"},
	{"SELEcT order_date\nFROM ORders", "SELECT orders"},
	{"SELECT * FROM Orders o CROSS JOIN OrderDetails od", "SELECT orders orderdetails"},
	{"SELECT * FROM Orders o, OrderDetails od", "SELECT orders orderdetails"},
	// The specification has the name of the table after each of these. Summary
	// leaves out the names that a definition creates, changes or drops.
	{"CREATE  TABLE MyTable (\n    ID NOT NULL IDENTITY(1,1) PRIMARY KEY\n)", "CREATE TABLE"},
	{"ALTER  TABLE MyTable ADD Name varchar(255)", "ALTER TABLE"},
	{"DROP  TABLE MyTable", "DROP TABLE"},
}
