//! Statements for either database. One text serves both: placeholders are `$1`, `$2`, and a value is a whole number, a truth
//! value, a text or bytes.

use std::{borrow::Cow, time::Duration};

use sqlx::{
    AssertSqlSafe, ColumnIndex, Connection as _, Database, Decode, Encode, IntoArguments, PgConnection,
    PgPool, Postgres, Row as _, Sqlite, SqliteConnection, SqlitePool, Type, postgres::PgRow,
    sqlite::SqliteRow,
};

/// Rows of values in one statement.
const MAX_ROWS: usize = 256;

/// Longest time of a transaction on a server, which itself gives up a statement before that.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to either database.
pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Connections that read.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A row of either database.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A value that a statement is given.
#[derive(Clone)]
pub(super) enum Value {
    Number(Option<i64>),
    Truth(bool),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A statement and its values.
pub(super) struct Query {
    sql: Cow<'static, str>,
    values: Vec<Value>,
    /// The database keeps what it made of the text.
    prepared: bool,
    /// All values came with rows, so each placeholder stands for the next value.
    in_order: bool,
}

/// A statement.
pub(super) fn query(sql: impl Into<Cow<'static, str>>) -> Query {
    Query { sql: sql.into(), values: Vec::new(), prepared: true, in_order: false }
}

/// Cuts what becomes rows of one statement into pieces whose lengths are powers of two, so that there are few texts.
pub(super) fn chunks<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let largest = 1 << rest.len().checked_ilog2()?.min(MAX_ROWS.ilog2());
        let (chunk, after) = rest.split_at_checked(largest)?;
        rest = after;
        Some(chunk)
    })
}

/// What statements run on.
pub(super) trait Executor: Sized + Send {
    /// The same, to run more than one.
    fn again(&mut self) -> impl Executor;
    fn all(self, query: Query) -> impl Future<Output = Result<Vec<Row>, sqlx::Error>> + Send;
    fn optional(self, query: Query) -> impl Future<Output = Result<Option<Row>, sqlx::Error>> + Send;
    fn execute(self, query: Query) -> impl Future<Output = Result<u64, sqlx::Error>> + Send;
}

macro_rules! executor {
    ([$($reference:tt)+] $family:ident) => {
        impl Executor for $($reference)+ $family {
            fn again(&mut self) -> impl Executor {
                $($reference)+ **self
            }

            async fn all(self, query: Query) -> Result<Vec<Row>, sqlx::Error> {
                let prepared = query.prepared;
                match self {
                    $family::Sqlite(on) => {
                        let rows = query.for_sqlite().bound().persistent(prepared).fetch_all(on).await?;
                        Ok(rows.into_iter().map(Row::Sqlite).collect())
                    }
                    $family::Postgres(on) => {
                        let rows = query.bound().persistent(prepared).fetch_all(on).await?;
                        Ok(rows.into_iter().map(Row::Postgres).collect())
                    }
                }
            }

            async fn optional(self, query: Query) -> Result<Option<Row>, sqlx::Error> {
                match self {
                    $family::Sqlite(on) => Ok(query.for_sqlite().bound().fetch_optional(on).await?.map(Row::Sqlite)),
                    $family::Postgres(on) => Ok(query.bound().fetch_optional(on).await?.map(Row::Postgres)),
                }
            }

            async fn execute(self, query: Query) -> Result<u64, sqlx::Error> {
                match self {
                    $family::Sqlite(on) => Ok(query.for_sqlite().bound().execute(on).await?.rows_affected()),
                    $family::Postgres(on) => Ok(query.bound().execute(on).await?.rows_affected()),
                }
            }
        }
    };
}

executor!([&mut] Connection);
executor!([&] Pool);

impl Query {
    /// Gives the next value.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The same text does not come again.
    pub(super) fn once(mut self) -> Self {
        self.prepared = false;
        self
    }

    /// Puts a value into the text where it ends.
    pub(super) fn push(&mut self, sql: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let text = self.sql.to_mut();
        text.push_str(sql);
        text.push('$');
        text.push_str(&self.values.len().to_string());
    }

    /// Puts a row of values at the end of the text: `($1, $2)`, with a comma if there is one before it.
    pub(super) fn row<const N: usize>(&mut self, values: [Value; N]) {
        self.in_order = true;
        let text = self.sql.to_mut();
        text.push_str(if text.ends_with(')') { ", " } else { "" });
        for (place, value) in values.into_iter().enumerate() {
            self.values.push(value);
            text.push_str(if place == 0 { "($" } else { ", $" });
            text.push_str(&self.values.len().to_string());
        }
        text.push(')');
    }

    /// Goes on with the text.
    pub(super) fn then(mut self, sql: &str) -> Self {
        self.sql.to_mut().push_str(sql);
        self
    }

    pub(super) async fn all(self, on: impl Executor) -> Result<Vec<Row>, sqlx::Error> {
        on.all(self).await
    }

    pub(super) async fn optional(self, on: impl Executor) -> Result<Option<Row>, sqlx::Error> {
        on.optional(self).await
    }

    /// The only row that there is.
    pub(super) async fn one(self, on: impl Executor) -> Result<Row, sqlx::Error> {
        on.optional(self).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// How many rows it changed.
    pub(super) async fn execute(self, on: impl Executor) -> Result<u64, sqlx::Error> {
        on.execute(self).await
    }

    /// SQLite looks for the name of each placeholder among all of them, unless they have none.
    fn for_sqlite(mut self) -> Self {
        if self.in_order {
            let mut text = String::with_capacity(self.sql.len());
            let mut parts = self.sql.split('$');
            text.push_str(parts.next().unwrap_or_default());
            for part in parts {
                text.push('?');
                text.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
            }
            self.sql = text.into();
        }
        self
    }

    fn bound<DB>(self) -> sqlx::query::Query<'static, DB, DB::Arguments>
    where
        DB: Database,
        DB::Arguments: IntoArguments<DB>,
        for<'q> Option<i64>: Encode<'q, DB> + Type<DB>,
        for<'q> bool: Encode<'q, DB> + Type<DB>,
        for<'q> Option<String>: Encode<'q, DB> + Type<DB>,
        for<'q> Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
    {
        // All texts are of this layer; whatever comes from outside is a value.
        let query = match self.sql {
            Cow::Borrowed(sql) => sqlx::query(sql),
            Cow::Owned(sql) => sqlx::query(AssertSqlSafe(sql)),
        };
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Number(value) => query.bind(value),
            Value::Truth(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
        })
    }
}

impl Connection {
    /// Runs statements without values, one trip for all of them.
    pub(super) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(on) => sqlx::raw_sql(sql).execute(on).await.map(drop),
            Self::Postgres(on) => sqlx::raw_sql(sql).execute(on).await.map(drop),
        }
    }

    /// How long a transaction may take; a file answers in its own time.
    pub(super) const fn patience(&self) -> Option<Duration> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(PATIENCE),
        }
    }

    /// Begins a transaction that alone writes until it ends.
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => self.run("BEGIN IMMEDIATE").await,
            // The number is "cosign" in ASCII.
            Self::Postgres(_) => self.run("BEGIN; SELECT pg_advisory_xact_lock(109330328807278)").await,
        }
    }

    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }
}

impl Pool {
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// What a column can be read as.
pub(super) trait Field<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Field<'r> for T where T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres> {}

impl Row {
    /// A column, by its name or its place.
    pub(super) fn get<'r, T: Field<'r>>(
        &'r self,
        column: impl ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    ) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}

macro_rules! values {
    ($($from:ty => $value:ident => $into:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$value($into(value))
            }
        }
    )*};
}

values! {
    i64 => Number => Some,
    u32 => Number => |value| Some(i64::from(value)),
    u8 => Number => |value| Some(i64::from(value)),
    Option<i64> => Number => std::convert::identity,
    Option<u8> => Number => |value: Option<u8>| value.map(i64::from),
    bool => Truth => std::convert::identity,
    &str => Text => |value: &str| Some(value.to_owned()),
    String => Text => Some,
    Option<String> => Text => std::convert::identity,
    &[u8] => Bytes => |value: &[u8]| Some(value.to_vec()),
    Vec<u8> => Bytes => Some,
    Option<Vec<u8>> => Bytes => std::convert::identity,
    Option<&[u8]> => Bytes => |value: Option<&[u8]>| value.map(<[u8]>::to_vec),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_powers_of_two_and_lose_nothing() {
        let items: Vec<usize> = (0..775).collect();
        for len in [0, 1, 2, 3, 64, 100, 255, 256, 257, 775] {
            let cut: Vec<_> = chunks(&items[..len]).collect();
            assert_eq!(cut.concat(), items[..len], "{len}");
            assert!(
                cut.iter().all(|chunk| chunk.len().is_power_of_two() && chunk.len() <= MAX_ROWS),
                "{len}"
            );
        }
    }

    #[test]
    fn rows_are_numbered_through() {
        let mut rows = query("INSERT INTO a VALUES ");
        rows.row([1_i64.into(), true.into()]);
        rows.row(["b".into(), Value::from(2_u32)]);
        let rows = rows.then(" ON CONFLICT DO NOTHING");
        assert_eq!(rows.sql, "INSERT INTO a VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING");
        assert_eq!(rows.for_sqlite().sql, "INSERT INTO a VALUES (?, ?), (?, ?) ON CONFLICT DO NOTHING");
        // A value that is named twice keeps its name.
        let named = query("SELECT $1, $2, $1").bind(1_i64).bind(2_i64);
        assert_eq!(named.for_sqlite().sql, "SELECT $1, $2, $1");
    }
}
