//! The keys of a store as tables, a page at a time.

use super::decode::wrong;
use super::table::Table;
use crate::error::Result;
use crate::request::Work;
use crate::transfer::{Entry, List};
use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, TimestampNanosecondArray, UInt64Array};
use arrow_schema::{Field, Schema};
use std::sync::Arc;

/// The work of the next page of a list, as a table. One page at a time.
pub fn next(list: &List) -> Result<Work> {
    let Work { future, trace } = list.next()?;
    let list = list.clone();
    let table = async move {
        let mut done = future.await?;
        done.table = Some(table(&list.take_page())?);
        Ok(done)
    };
    Ok(Work { future: Box::pin(table), trace })
}

/// One row for each entry.
fn table(page: &[Entry]) -> Result<Table> {
    let (mut keys, mut revisions, mut bytes) = (StringBuilder::new(), StringBuilder::new(), BinaryBuilder::new());
    for entry in page {
        let key = String::from_utf8_lossy(&entry.key);
        keys.append_value(&key);
        revisions.append_option(entry.revision.as_deref());
        // The text has not all of it where it is no text.
        bytes.append_option((key.as_bytes() != entry.key).then_some(&entry.key));
    }
    let sizes: UInt64Array = page.iter().map(|entry| (!entry.is_prefix).then_some(entry.size)).collect();
    let times: TimestampNanosecondArray = page.iter().map(|entry| entry.last_modified_ns).collect();
    let flags = |flag: fn(&Entry) -> bool| BooleanArray::from(page.iter().map(flag).collect::<Vec<_>>());
    let columns: [(&str, bool, ArrayRef); 7] = [
        ("key", false, Arc::new(keys.finish())),
        ("size", true, Arc::new(sizes)),
        ("last_modified", true, Arc::new(times.with_timezone("UTC"))),
        ("revision", true, Arc::new(revisions.finish())),
        ("is_prefix", false, Arc::new(flags(|entry| entry.is_prefix))),
        ("is_unaddressable", false, Arc::new(flags(|entry| entry.is_unaddressable))),
        ("key_bytes", true, Arc::new(bytes.finish())),
    ];
    let field = |(name, is_nullable, column): &(&str, bool, ArrayRef)| {
        Field::new(*name, column.data_type().clone(), *is_nullable)
    };
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let columns = columns.into_iter().map(|(_, _, column)| column).collect();
    let batch = RecordBatch::try_new(schema.clone(), columns).map_err(wrong)?;
    Ok(Table::new(schema, vec![batch]))
}

#[cfg(all(test, not(model)))]
mod tests {
    use super::*;
    use arrow_cast::display::array_value_to_string;

    #[test]
    fn entries_are_rows() {
        let object = Entry {
            key: b"a/b".to_vec(),
            size: 7,
            last_modified_ns: Some(1_500_000_000),
            revision: Some("\"1\"".to_string()),
            is_prefix: false,
            is_unaddressable: false,
        };
        let odd = Entry {
            key: b"a\xff".to_vec(),
            last_modified_ns: None,
            revision: None,
            is_unaddressable: true,
            ..object.clone()
        };
        let group = Entry { key: b"g/".to_vec(), size: 0, is_prefix: true, is_unaddressable: false, ..odd.clone() };
        let table = table(&[object, odd, group]).unwrap();
        let row = |row| -> Vec<_> {
            let columns = table.batches()[0].columns().iter();
            columns.map(|column| array_value_to_string(column, row).unwrap()).collect()
        };
        assert_eq!(row(0), ["a/b", "7", "1970-01-01T00:00:01.500Z", "\"1\"", "false", "false", ""]);
        assert_eq!(row(1), ["a\u{fffd}", "7", "", "", "false", "true", "61ff"]);
        assert_eq!(row(2), ["g/", "", "", "", "true", "false", ""]);
        let empty = super::table(&[]).unwrap();
        assert_eq!((empty.rows(), empty.batches().len(), empty.schema().fields().len()), (0, 1, 7));
    }
}
