//! The table rows go to: how it is made, what an existing one must have, and putting a row in.

use rusqlite::{Connection, Statement, ToSql};
use serde::{Deserialize, Serialize};

use super::database::{Database, words};
use super::{COMMITS, Mode, shown};
use crate::data::{DataType, Schema};
use crate::error::{Error, Result, nearest};
use crate::format::rows::Cell;

/// A column and its declared type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableColumn {
    pub name: String,
    pub declared: Declared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Declared {
    Integer,
    Real,
    Text,
}

/// A table as the job sees it.
pub struct Table {
    pub name: String,
    pub columns: Vec<TableColumn>,
    /// Indices into `columns`.
    pub key: Vec<usize>,
}

/// Whether the name is not the user's to choose.
pub fn reserved(table: &str) -> bool {
    let name = table.to_ascii_lowercase();
    name == COMMITS || name.starts_with("sqlite_")
}

/// A name as SQL has it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// Names of `key` that the schema does not have are left out: the plan has refused them.
    pub fn new(name: &str, schema: &Schema, key: &[String]) -> Table {
        let column = |field: &crate::data::Field| {
            let declared = match field.ty {
                DataType::Boolean | DataType::Int => Declared::Integer,
                DataType::Double => Declared::Real,
                _ => Declared::Text,
            };
            TableColumn { name: field.name.clone(), declared }
        };
        Table { name: name.to_owned(), columns: schema.fields.iter().map(column).collect(), key: Vec::new() }
            .with_key(key)
    }

    pub fn with_key(mut self, key: &[String]) -> Table {
        self.key = key.iter().filter_map(|k| self.columns.iter().position(|c| c.name == *k)).collect();
        self
    }

    fn names(&self, columns: impl Iterator<Item = usize>) -> String {
        columns.map(|i| quoted(&self.columns[i].name)).collect::<Vec<_>>().join(", ")
    }

    fn rest(&self) -> Vec<usize> {
        (0..self.columns.len()).filter(|i| !self.key.contains(i)).collect()
    }

    /// The key is unique and no primary key: an integer that is one would turn a null into a number.
    pub fn create_sql(&self) -> String {
        let column = |c: &TableColumn| {
            let declared = format!("{:?}", c.declared).to_uppercase();
            format!("{} {declared}", quoted(&c.name))
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        let key = match self.key.is_empty() {
            true => String::new(),
            false => format!(", UNIQUE ({})", self.names(self.key.iter().copied())),
        };
        format!("CREATE TABLE {} ({}{key})", quoted(&self.name), columns.join(", "))
    }

    fn insert_sql(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len()).map(|i| format!("?{i}")).collect();
        let all = self.names(0..self.columns.len());
        let insert = format!("INSERT INTO {} ({all}) VALUES ({})", quoted(&self.name), places.join(", "));
        if self.key.is_empty() {
            return insert;
        }
        let set = |&i: &usize| format!("{0} = excluded.{0}", quoted(&self.columns[i].name));
        let rest: Vec<String> = self.rest().iter().map(set).collect();
        let action = if rest.is_empty() { "NOTHING".into() } else { format!("UPDATE SET {}", rest.join(", ")) };
        format!("{insert} ON CONFLICT ({}) DO {action}", self.names(self.key.iter().copied()))
    }

    /// For rows with a null in their key, which no unique index takes for equal.
    fn update_sql(&self) -> String {
        let equals = |i: usize, is: &str| format!("{} {is} ?{}", quoted(&self.columns[i].name), i + 1);
        let rest = self.rest();
        // Something must be set for a row to count as found.
        let set = if rest.is_empty() { &self.key } else { &rest };
        let set: Vec<String> = set.iter().map(|&i| equals(i, "=")).collect();
        let keys: Vec<String> = self.key.iter().map(|&i| equals(i, "IS")).collect();
        format!("UPDATE {} SET {} WHERE {}", quoted(&self.name), set.join(", "), keys.join(" AND "))
    }

    /// Names, declared types and places in the primary key (from 1) of the columns that the database has.
    fn found(&self, database: &Database) -> Result<Vec<(String, String, i64)>> {
        let sql = "SELECT name, type, pk FROM pragma_table_info(?1)";
        let mut statement = database.connection.prepare(sql).map_err(|e| database.failed(e))?;
        let rows = statement.query_map([&self.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.and_then(Iterator::collect).map_err(|e| database.failed(e))
    }

    /// Whether the table, if it is there, takes these rows. With `first`, they are the first of the job. True if
    /// it is there.
    ///
    /// Errors (class Job): it exists under [`Mode::New`], has not all columns or no unique index on the key.
    fn fits(&self, database: &Database, first: Option<Mode>) -> Result<bool> {
        let found = self.found(database)?;
        if found.is_empty() {
            return Ok(false);
        }
        let place = format!("table `{}` of {}", self.name, shown(&database.path));
        if first == Some(Mode::New) {
            return Err(Error::job(format!("{place} exists and mode is \"new\""))
                .note("drop it, write to another table, or use mode = \"replace\" or \"append\""));
        }
        let missing = |c: &&TableColumn| !found.iter().any(|(name, ..)| name.eq_ignore_ascii_case(&c.name));
        if let Some(column) = self.columns.iter().find(missing) {
            let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
            return Err(no_column(&place, &column.name, &names));
        }
        match database.connection.prepare(&self.insert_sql()) {
            Ok(_) => Ok(true),
            Err(e) if words(&e).contains("ON CONFLICT clause does not match") => {
                let key = self.names(self.key.iter().copied());
                let table = quoted(&self.name);
                Err(Error::job(format!("{place} has no unique index on the key ({key})"))
                    .note(format!("make one: CREATE UNIQUE INDEX \"by_key\" ON {table} ({key})")))
            }
            Err(e) => Err(Error::job(format!("{place} does not take rows: {}", words(&e)))),
        }
    }

    /// See [`Table::fits`].
    pub fn check(&self, database: &Database, first: Option<Mode>) -> Result<()> {
        self.fits(database, first).map(|_| ())
    }

    /// Makes the table if it is missing, and with the first rows of [`Mode::Replace`] empties it.
    pub fn make(&self, database: &Database, first: Option<Mode>) -> Result<()> {
        let sql = match self.fits(database, first)? {
            false => self.create_sql(),
            true if first == Some(Mode::Replace) => format!("DELETE FROM {}", quoted(&self.name)),
            true => return Ok(()),
        };
        database.connection.execute_batch(&sql).map_err(|e| database.failed(e))
    }

    /// What puts rows in.
    pub fn rows<'d>(&'d self, database: &'d Database) -> Result<Rows<'d>> {
        let connection: &Connection = &database.connection;
        let prepare = |sql: String| connection.prepare(&sql).map_err(|e| database.failed(e));
        let insert = prepare(self.insert_sql())?;
        let update = if self.key.is_empty() { None } else { Some(prepare(self.update_sql())?) };
        // A lone INTEGER PRIMARY KEY takes null as "the next number".
        let found = self.found(database)?;
        let of_primary: Vec<_> = found.iter().filter(|(_, _, pk)| *pk > 0).collect();
        let numbers_nulls = matches!(of_primary[..], [(name, ty, _)] if ty.eq_ignore_ascii_case("INTEGER")
            && self.key.iter().any(|&i| self.columns[i].name.eq_ignore_ascii_case(name)));
        Ok(Rows { table: self, database, insert, update, numbers_nulls })
    }
}

fn no_column(place: &str, column: &str, names: &[&str]) -> Error {
    let help = match nearest(column, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? It has: {}", names.join(", ")),
        None => format!("it has: {}", names.join(", ")),
    };
    Error::job(format!("{place} has no column `{column}`")).note(help)
}

/// Puts rows into a table.
pub struct Rows<'d> {
    table: &'d Table,
    database: &'d Database,
    insert: Statement<'d>,
    update: Option<Statement<'d>>,
    numbers_nulls: bool,
}

impl Rows<'_> {
    /// Errors (class Data): a constraint of the user's table forbids the row; it is named.
    pub fn put(&mut self, number: u64, cells: &[Cell]) -> Result<()> {
        let null_key = self.table.key.iter().any(|&i| cells[i] == Cell::Null);
        if null_key && self.numbers_nulls {
            let reason = "the key is null, which an INTEGER PRIMARY KEY turns into a number";
            return Err(self.refused(number, cells, reason));
        }
        if let (true, Some(update)) = (null_key, &mut self.update) {
            match execute(update, cells) {
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(e) => return Err(self.failed(number, cells, e)),
            }
        }
        execute(&mut self.insert, cells).map(|_| ()).map_err(|e| self.failed(number, cells, e))
    }

    fn failed(&self, number: u64, cells: &[Cell], error: rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(
                rusqlite::ErrorCode::ConstraintViolation
                | rusqlite::ErrorCode::TypeMismatch
                | rusqlite::ErrorCode::TooBig,
            ) => self.refused(number, cells, &words(&error)),
            _ => self.database.failed(error),
        }
    }

    fn refused(&self, number: u64, cells: &[Cell], reason: &str) -> Error {
        let row: Vec<String> =
            self.table.columns.iter().zip(cells).map(|(c, cell)| format!("{} = {}", c.name, literal(cell))).collect();
        let (table, path) = (&self.table.name, shown(&self.database.path));
        Error::data(format!("table `{table}` of {path} does not take a row: {reason}")).note(format!(
            "row {} of the transaction: {}",
            number + 1,
            row.join(", ")
        ))
    }
}

fn execute(statement: &mut Statement, cells: &[Cell]) -> rusqlite::Result<usize> {
    // A statement that does not name all columns has fewer places: those it names go by number.
    for (i, cell) in cells.iter().enumerate().take(statement.parameter_count()) {
        let value: &dyn ToSql = match cell {
            Cell::Null => &rusqlite::types::Null,
            Cell::Int(value) => value,
            Cell::Double(value) => value,
            Cell::Text(value) => value,
        };
        statement.raw_bind_parameter(i + 1, value)?;
    }
    statement.raw_execute()
}

/// The value for messages; long ones are cut.
fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".into(),
        Cell::Int(value) => value.to_string(),
        Cell::Double(value) => value.to_string(),
        Cell::Text(text) => match text.char_indices().nth(64) {
            Some((cut, _)) => format!("'{}…'", &text[..cut]),
            None => format!("'{text}'"),
        },
    }
}
