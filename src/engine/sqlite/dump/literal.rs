//! A value as SQL that gives the same value back.

use rusqlite::Statement;
use rusqlite::types::ValueRef;

/// The statement that [`literal`] asks for a real number's digits.
pub const QUOTE: &str = "SELECT quote(?1)";

/// Appends the value.
pub fn literal(quote: &mut Statement<'_>, value: ValueRef<'_>, out: &mut Vec<u8>) -> rusqlite::Result<()> {
    match value {
        ValueRef::Null => out.extend_from_slice(b"NULL"),
        ValueRef::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        ValueRef::Real(number) => out.extend_from_slice(real(quote, number)?.as_bytes()),
        ValueRef::Blob(bytes) => blob(bytes, out),
        ValueRef::Text(bytes) => text(bytes, out),
    }
    Ok(())
}

/// SQLite's own digits, because they are read back by SQLite's own rules.
fn real(quote: &mut Statement<'_>, number: f64) -> rusqlite::Result<String> {
    if number.is_infinite() {
        return Ok(if number > 0.0 { "1e999" } else { "-1e999" }.into());
    }
    quote.query_row([number], |row| row.get(0))
}

fn blob(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"X'");
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'\'');
}

/// SQL text ends at a zero byte, and a file of SQL is UTF-8: all else goes as bytes.
fn text(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.contains(&0) || std::str::from_utf8(bytes).is_err() {
        out.extend_from_slice(b"CAST(");
        blob(bytes, out);
        out.extend_from_slice(b" AS TEXT)");
        return;
    }
    out.push(b'\'');
    for &byte in bytes {
        if byte == b'\'' {
            out.push(b'\'');
        }
        out.push(byte);
    }
    out.push(b'\'');
}
