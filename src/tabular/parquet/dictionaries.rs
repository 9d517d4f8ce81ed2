//! Which columns are written without a dictionary although they may have one.
//!
//! The crate begins each column of a row group with a dictionary, and goes on without once that is full: where values
//! hardly ever come again, hashing them was most of the work. So a column whose dictionary was full in a row group before
//! has none in the next, if the first values of that are nearly all distinct.

use super::encode::{failed, leaves};
use super::output::Pages;
use crate::error::Result;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ord::partition::partition;
use arrow_ord::sort::sort;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory};
use parquet::basic::{Encoding, PageType};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;
use std::sync::Arc;

/// Values that are looked at, of the first ones of a row group.
const SAMPLE: usize = 1024;

/// See the module.
pub(super) struct Dictionaries {
    schema: SchemaRef,
    descriptor: Arc<SchemaDescriptor>,
    /// As the file has them.
    properties: Arc<WriterProperties>,
    pages: Arc<Pages>,
    /// What makes the writers of a row group, of which these columns have no dictionary.
    factory: ArrowRowGroupWriterFactory,
    without: Vec<usize>,
    /// Columns of one leaf each, with that, and whether its dictionary was full when it last had one.
    columns: Vec<Column>,
}

struct Column {
    index: usize,
    leaf: usize,
    was_full: bool,
}

impl Dictionaries {
    pub(super) fn new(
        schema: &SchemaRef,
        descriptor: SchemaDescriptor,
        properties: Arc<WriterProperties>,
        pages: Arc<Pages>,
    ) -> Result<Dictionaries> {
        let (mut columns, mut leaf) = (Vec::new(), 0);
        for (index, field) in schema.fields().iter().enumerate() {
            let count = leaves(field.data_type());
            columns.extend((count == 1).then_some(Column { index, leaf, was_full: false }));
            leaf += count;
        }
        let descriptor = Arc::new(descriptor);
        let factory = factory(schema, &descriptor, &properties, &pages)?;
        Ok(Dictionaries {
            schema: schema.clone(),
            descriptor,
            properties,
            pages,
            factory,
            without: Vec::new(),
            columns,
        })
    }

    /// The first values of columns that may do without, for [`are_distinct`]. Empty most of the time.
    pub(super) fn samples(&self, first: &RecordBatch) -> Vec<(usize, ArrayRef)> {
        let suspects = self.columns.iter().filter(|column| column.was_full).map(|column| column.index);
        suspects.map(|index| (index, first.column(index).slice(0, first.num_rows().min(SAMPLE)))).collect()
    }

    /// What makes the writers of a row group; these columns have no dictionary in it.
    pub(super) fn factory(&mut self, without: Vec<usize>) -> Result<&ArrowRowGroupWriterFactory> {
        if self.without != without {
            let mut properties = (*self.properties).clone().into_builder();
            for column in self.columns.iter().filter(|column| without.contains(&column.index)) {
                let path = self.descriptor.column(column.leaf).path().clone();
                properties = properties.set_column_dictionary_enabled(path, false);
            }
            self.factory = factory(&self.schema, &self.descriptor, &Arc::new(properties.build()), &self.pages)?;
            self.without = without;
        }
        Ok(&self.factory)
    }

    /// Learns of a row group that has ended, from the leaves of all columns.
    pub(super) fn learn(&mut self, leaves: &[ArrowColumnChunk]) {
        for column in &mut self.columns {
            let Some(chunk) = leaves.get(column.leaf).map(|leaf| &leaf.close().metadata) else { continue };
            if chunk.dictionary_page_offset().is_some() {
                column.was_full = is_left(chunk);
            }
        }
    }
}

fn factory(
    schema: &SchemaRef,
    descriptor: &SchemaDescriptor,
    properties: &Arc<WriterProperties>,
    pages: &Arc<Pages>,
) -> Result<ArrowRowGroupWriterFactory> {
    // The crate takes the properties from a writer of a file, which is not used for anything else.
    let file = SerializedFileWriter::new(Vec::new(), descriptor.root_schema_ptr(), properties.clone());
    let factory = ArrowRowGroupWriterFactory::new(&file.map_err(failed)?, schema.clone());
    Ok(factory.with_page_store_factory(pages.clone()))
}

/// Whether there are values that are not of the dictionary.
fn is_left(chunk: &ColumnChunkMetaData) -> bool {
    let is_of_dictionary = |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    chunk.page_encoding_stats().is_some_and(|pages| {
        pages.iter().any(|page| page.page_type != PageType::DICTIONARY_PAGE && !is_of_dictionary(page.encoding))
    })
}

/// Whether values are nearly all distinct.
pub(super) fn are_distinct(values: &ArrayRef) -> bool {
    let nulls = values.logical_null_count();
    let sorted = sort(values, None);
    let Ok(groups) = sorted.and_then(|sorted| partition(&[sorted])) else { return false };
    let (distinct, count) = (groups.len() - usize::from(nulls > 0), values.len() - nulls);
    count > 0 && distinct * 10 >= count * 9
}
