package catalogue

// histograms are the distributions of operations that have ended.
var histograms = []Row{
	{
		Name: "db.client.operation.duration", Kind: Histogram, Unit: "s", Attributes: operationAttributes,
		Description: "Duration of database client operations.",
		Documented:  "db_query_duration_seconds",
		Help:        "Duration of database operations, by operation.",
		Meaning:     "Time from sending an operation to the end of its result.",
		Worry:       "A high quantile above the time that callers can wait; any growth of the rate of series with error_type.",
	},
	{
		Name: "db.client.connection.wait_time", Kind: Histogram, Unit: "s", Attributes: poolOnly,
		Description: "The time it took to obtain an open connection from the pool.",
		Documented:  "db_pool_acquire_duration_seconds",
		Help:        "Time it took to get a connection from the pool.",
		Meaning:     "Duration of an acquire: queueing, and dialing, pinging and preparing if they happen.",
		Worry:       "A 99th percentile above 100 ms: the pool is too small or connecting is slow.",
	},
	{
		Name: "db.client.connection.use_time", Kind: Histogram, Unit: "s",
		Attributes:  unitOfWork,
		Description: "The time between borrowing a connection and returning it to the pool.",
		Documented:  "db_pool_hold_duration_seconds",
		Help:        "Time from getting a connection from the pool to returning it.",
		Meaning:     "Time a connection was held, by unit of work: the name of the acquire, else of its scope, else of its first operation.",
		Worry:       "Far above the query duration: connections are held while the program does other work.",
	},
	{
		Name: "db.client.connection.create_time", Kind: Histogram, Unit: "s", Attributes: poolOnly,
		Description: "The time it took to create a new connection.",
		Documented:  "db_pool_create_duration_seconds",
		Help:        "Time it took to open a connection.",
		Meaning:     "Time to open a connection: dialing, TLS, authentication.",
		Worry:       "A 99th percentile above a second.",
	},
	{
		Name: "db.client.response.returned_rows", Kind: Histogram, Unit: "{row}", Attributes: successAttributes,
		Description: "The actual number of records returned by the database operation.",
		Meaning:     "Rows that a SELECT returned.",
		Worry:       "A high quantile that grows with the table: a query lacks a limit.",
		OptIn:       true,
	},
}
