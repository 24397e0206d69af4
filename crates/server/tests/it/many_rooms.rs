//! A database with very many rooms: what the server asks of it at its start, as it says itself.

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use weir::store::Store;

use crate::cli::Process;
use crate::harness::{Folder, wait_for};

/// Rooms, and how many of them were live when the server ended.
const ROOMS: u64 = 20_000;
const LIVE: u64 = 20;

/// Rows of which a start may look at each: a table that is as long as the rooms are many is longer.
const SMALL: i64 = 1_000;

/// Every statement of the server goes into its log.
const STATEMENTS: (&str, &str) = ("WEIR_LOG", "info,sqlx::query=debug");

/// Three in four are over, the others are yet to come; the first were live. Each has a crew and a message.
const FILL: [&str; 4] = [
    "CREATE TEMP TABLE made AS WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?)
     SELECT printf('r%05d', n) AS id, n,
         CASE WHEN n < ? THEN 'live' WHEN n % 4 = 0 THEN 'scheduled' ELSE 'ended' END AS state FROM number",
    "INSERT INTO room (id, title, host, stream, state, valid_until_ms, created_ms)
     SELECT id, 'a show', 'h', 'live/' || id, state, 4102444800000, n FROM made",
    "INSERT INTO room_crew (room, user, role) SELECT id, 'a', 'assistant' FROM made",
    "INSERT INTO message (room, seq, at_ms, kind, body) SELECT id, 1, n, 'notice', '{\"text\":\"x\"}' FROM made",
];

struct Database {
    runtime: tokio::runtime::Runtime,
    connection: std::cell::RefCell<SqliteConnection>,
}

impl Database {
    /// One with the tables of a server and the rooms.
    fn full(folder: &Folder) -> Database {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let data = folder.file("data");
        std::fs::create_dir_all(&data).unwrap();
        let connection = runtime.block_on(async {
            Store::open(&data).await.unwrap().close().await;
            let options = SqliteConnectOptions::new().filename(data.join("weir.db"));
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            for (at, statement) in FILL.into_iter().enumerate() {
                let mut query = sqlx::query(statement);
                if at == 0 {
                    query = query.bind(ROOMS.cast_signed()).bind(LIVE.cast_signed());
                }
                query.execute(&mut connection).await.unwrap();
            }
            connection
        });
        Database { runtime, connection: connection.into() }
    }

    fn count(&self, what: &str) -> i64 {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
        let mut connection = self.connection.borrow_mut();
        self.runtime.block_on(sqlx::query_scalar(query).fetch_one(&mut *connection)).unwrap()
    }

    /// What SQLite does for a statement: SEARCH by an index, or SCAN.
    fn plan(&self, statement: &str) -> Vec<String> {
        let query = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let mut connection = self.connection.borrow_mut();
        let plan: Vec<(i64, i64, i64, String)> =
            self.runtime.block_on(sqlx::query_as(query).fetch_all(&mut *connection)).unwrap();
        plan.into_iter().map(|(.., step)| step).collect()
    }

    /// The long table that this step goes through from its first row to its last, if it does.
    fn scanned<'a>(&self, step: &'a str) -> Option<&'a str> {
        let table = step.strip_prefix("SCAN ")?.split(' ').next()?;
        let is_table = self.count(&format!("sqlite_schema WHERE type = 'table' AND name = '{table}'")) > 0;
        (is_table && self.count(table) > SMALL).then_some(table)
    }
}

/// What the server asked of its database, and how many rows it was given each time.
fn asked(log: &str) -> Vec<(String, u64)> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let statements = lines.filter(|line| line["target"] == "sqlx::query").map(|line| {
        // A short one is its own summary.
        let text = |name: &str| line[name].as_str().unwrap_or_default().trim().to_owned();
        let whole = Some(text("db.statement")).filter(|statement| !statement.is_empty());
        (whole.unwrap_or_else(|| text("summary")), line["rows_returned"].as_u64().unwrap_or_default())
    });
    statements.collect()
}

#[test]
fn a_start_looks_at_the_rooms_that_were_live_and_at_no_other() {
    let folder = Folder::new("many-rooms");
    let database = Database::full(&folder);
    let process = Process::serve(&folder, &[], &[STATEMENTS]);
    wait_for("every show to know that its stream is gone", || {
        database.count("room WHERE state = 'interrupted'") == LIVE.cast_signed()
    });
    let log = process.terminate().stderr;
    let asked = asked(&log);
    assert!(asked.iter().any(|(statement, rows)| statement.contains("FROM room") && *rows == LIVE), "{log}");
    let questions: BTreeSet<&str> = asked
        .iter()
        .map(|(statement, _)| statement.as_str())
        .filter(|statement| ["SELECT", "UPDATE", "DELETE"].iter().any(|word| statement.starts_with(word)))
        .collect();
    for question in questions {
        for step in database.plan(question) {
            assert_eq!(database.scanned(&step), None, "{question}: {step}");
        }
    }
    let (question, most) = asked.iter().max_by_key(|(_, rows)| *rows).unwrap();
    assert!(*most <= LIVE, "{most} rows were read by {question}");
}
