//! What is read of a file, and how much of it at once.

use super::footer::{self, Footer, contained, extent, wrong};
use super::pages::{Extent, Located};
use super::prune::{self, Hashed};
use super::rows::{Rows, pages};
use super::thrift::Thrift;
use crate::error::{Error, Kind, Result};
use crate::service::Shared;
use crate::tabular::decode;
use crate::tabular::format::{DecodeOptions, Operator};
use crate::tabular::predicate::Filter;
use crate::tabular::source::Source;
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::{FieldLevels, parquet_to_arrow_field_levels};
use parquet::file::metadata::page_index::PageIndexProvider;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder, RowGroupMetaData};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a page index, and of a bloom filter: larger ones are not looked at.
const MOST_INDEX: u64 = 64 << 20;
const MOST_BLOOM: u64 = 32 << 20;
/// A column is decoded by itself if it and its like have so many bytes.
const WORTH_A_JOB: u64 = 1 << 20;

/// See the module.
pub(super) struct Plan {
    pub(super) service: Arc<Shared>,
    source: Source,
    /// The end of the file, which has come with the footer, and where it begins.
    tail: (u64, Bytes),
    pub(super) metadata: Arc<ParquetMetaData>,
    /// All columns of the file.
    pub(super) schema: SchemaRef,
    /// Those that are given, in the order of the file.
    pub(super) needed: Vec<usize>,
    pub(super) filter: Option<Filter>,
    /// For each column, its leaves.
    leaves: Vec<Vec<usize>>,
    /// Where the data end.
    end: u64,
    batch_rows: u64,
    batch_bytes: u64,
    /// Bytes held ahead.
    pub(super) prefetch: u64,
    /// Bytes of one row group.
    pub(super) most_bytes: u64,
}

/// Columns that are decoded one after the other.
pub(super) struct Group {
    pub(super) roots: Vec<usize>,
    pub(super) leaves: Vec<usize>,
    pub(super) levels: FieldLevels,
}

/// The index of the pages of one row group.
pub(super) struct PageIndex {
    /// Of this row group alone.
    metadata: ParquetMetaData,
    provider: Arc<dyn PageIndexProvider>,
}

/// The bytes of one column that were read.
#[derive(Clone)]
pub(super) enum Came {
    Whole(Bytes),
    Pages { dictionary: Option<Bytes>, pages: Vec<(Range<usize>, Option<Bytes>)> },
}

impl Came {
    /// The pages that have some of these rows.
    pub(super) fn extent(&self, rows: &Rows) -> Extent {
        match self {
            Came::Whole(bytes) => Extent::Whole(bytes.clone()),
            Came::Pages { dictionary, pages } => {
                let located = |(range, bytes): &(Range<usize>, Option<Bytes>)| Located {
                    rows: range.len(),
                    bytes: bytes.clone().filter(|_| rows.touch(range)),
                };
                Extent::Some { dictionary: dictionary.clone(), pages: pages.iter().map(located).collect() }
            }
        }
    }
}

impl Plan {
    pub(super) fn new(service: &Arc<Shared>, source: Source, footer: Footer, options: &DecodeOptions) -> Result<Plan> {
        let Footer { metadata, schema, encrypted, end, tail, .. } = footer;
        let needed = decode::needed(options, &schema)?;
        let filter = options.predicate.as_ref();
        let filter = filter.map(|filter| Filter::new(filter, &schema, options.schema.as_deref())).transpose()?;
        let descriptor = metadata.file_metadata().schema_descr();
        let mut leaves = vec![Vec::new(); schema.fields().len()];
        for leaf in 0..descriptor.num_columns() {
            leaves[descriptor.get_column_root_idx(leaf)].push(leaf);
        }
        for root in &needed {
            if let Some(leaf) = leaves[*root].iter().find(|leaf| encrypted.contains(leaf)) {
                let name = descriptor.column(*leaf).path().string();
                return Err(Error::new(Kind::Unsupported, format!("column {name:?} is encrypted")));
            }
        }
        Ok(Plan {
            service: service.clone(),
            source,
            tail,
            metadata: Arc::new(metadata),
            schema,
            needed,
            filter,
            leaves,
            end,
            batch_rows: options.batch_rows,
            batch_bytes: options.batch_bytes,
            prefetch: options.max_prefetch,
            most_bytes: options.max_row_group,
        })
    }

    /// The row groups that are read, in order.
    pub(super) fn row_groups(&self, options: &DecodeOptions) -> Result<Vec<usize>> {
        let count = self.metadata.num_row_groups();
        let wanted: Vec<usize> = match &options.row_groups {
            Some(wanted) => wanted.iter().map(|index| *index as usize).collect(),
            None => (0..count).collect(),
        };
        if let Some(index) = wanted.iter().find(|index| **index >= count) {
            return Err(Error::argument(format!("there is no row group {index}; there are {count}")));
        }
        Ok(match &self.filter {
            Some(filter) => prune::row_groups(&self.metadata, &self.schema, filter, wanted),
            None => wanted,
        })
    }

    pub(super) fn row_group(&self, index: usize) -> &RowGroupMetaData {
        self.metadata.row_group(index)
    }

    pub(super) fn rows(&self, index: usize) -> usize {
        usize::try_from(self.row_group(index).num_rows()).unwrap_or_default()
    }

    /// The columns of the predicate.
    pub(super) fn asked(&self) -> Vec<usize> {
        let comparisons = self.filter.iter().flat_map(Filter::comparisons);
        let mut roots: Vec<usize> = comparisons.filter_map(|comparison| comparison.column).collect();
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    fn leaves_of<'a>(&'a self, roots: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
        roots.iter().flat_map(|root| self.leaves[*root].iter().copied())
    }

    /// Bytes of columns when they are decoded, about: what the file says of them.
    fn decoded_size(&self, index: usize, roots: &[usize]) -> u64 {
        let size = |leaf: usize| {
            let column = self.row_group(index).column(leaf);
            // A dictionary's keys become what they stand for.
            let text = column.unencoded_byte_array_data_bytes().unwrap_or_default();
            column.uncompressed_size().max(text).clamp(0, 1 << 50) as u64
        };
        self.leaves_of(roots).map(size).sum()
    }

    /// What reading a row group takes of the budget, about: its bytes, and the batches that are on their way.
    pub(super) fn cost(&self, index: usize) -> u64 {
        let packed = |leaf: usize| self.row_group(index).column(leaf).compressed_size().clamp(0, 1 << 50) as u64;
        let packed: u64 = self.leaves_of(&self.needed).map(packed).sum();
        let (rows, decoded) = (self.rows(index) as u64, self.decoded_size(index, &self.needed));
        let ahead = (4 * self.batch_rows(index)).min(rows);
        packed + (u128::from(decoded) * u128::from(ahead) / u128::from(rows.max(1))) as u64
    }

    /// Rows of a batch.
    pub(super) fn batch_rows(&self, index: usize) -> u64 {
        let row_size = self.decoded_size(index, &self.needed).div_ceil(self.rows(index).max(1) as u64).max(1);
        // Several batches are on their way at once.
        let most_bytes = self.batch_bytes.min(self.prefetch / 4);
        self.batch_rows.min(most_bytes / row_size).max(1)
    }

    /// Columns in groups that take about as long.
    pub(super) fn groups(&self, index: usize, roots: &[usize]) -> Result<Vec<Group>> {
        let threads = u64::from(self.service.settings().compute_threads);
        let worth = self.decoded_size(index, roots) / WORTH_A_JOB;
        let count = if threads == 1 { 1 } else { worth.min(4 * threads).min(roots.len() as u64).max(1) };
        let mut by_size: Vec<(u64, usize)> =
            roots.iter().map(|root| (self.decoded_size(index, &[*root]), *root)).collect();
        by_size.sort_unstable_by_key(|(size, root)| (std::cmp::Reverse(*size), *root));
        let mut groups: Vec<(u64, Vec<usize>)> = vec![(0, Vec::new()); count as usize];
        for (size, root) in by_size {
            // The first of the smallest: the first groups have the largest columns, and begin first.
            if let Some(group) = groups.iter_mut().min_by_key(|group| group.0) {
                group.0 += size.max(1);
                group.1.push(root);
            }
        }
        groups.into_iter().map(|(_, roots)| self.group(roots)).collect()
    }

    fn group(&self, mut roots: Vec<usize>) -> Result<Group> {
        roots.sort_unstable();
        let descriptor = self.metadata.file_metadata().schema_descr();
        let mask = ProjectionMask::roots(descriptor, roots.iter().copied());
        let levels = parquet_to_arrow_field_levels(descriptor, mask, Some(self.schema.fields())).map_err(wrong)?;
        Ok(Group { leaves: self.leaves_of(&roots).collect(), roots, levels })
    }

    /// Whether bloom filters tell that no row of a row group is wanted.
    pub(super) async fn is_excluded(&self, index: usize) -> Result<bool> {
        let mut asked = Vec::new();
        for comparison in self.filter.iter().flat_map(Filter::comparisons) {
            let Some(root) = comparison.column.filter(|_| comparison.operator == Operator::Equal) else { continue };
            let Some(leaf) = footer::flat(&self.metadata, root, self.schema.field(root)) else { continue };
            let column = self.row_group(index).column(leaf);
            let start = column.bloom_filter_offset().and_then(|start| u64::try_from(start).ok());
            let size = column.bloom_filter_length().and_then(|size| u64::try_from(size).ok());
            let Some((start, size)) = start.zip(size).filter(|(_, size)| *size <= MOST_BLOOM) else { continue };
            let end = start.checked_add(size).filter(|end| *end <= self.end);
            let value = Hashed::of(comparison, self.schema.field(root).data_type(), column.column_type());
            asked.extend(end.zip(value).map(|(end, value)| (start..end, value)));
        }
        let (ranges, values): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        if ranges.is_empty() {
            return Ok(false);
        }
        let filters = self.fetch(&ranges).await?;
        let look = move || Ok(values.iter().zip(filters).any(|(value, filter)| !value.may_be_in(&filter)));
        contained(self.service.compute.run(look).await)
    }

    /// Reads the index of the pages of the columns that are needed. None: there is none, or none to be read.
    pub(super) async fn page_index(&self, index: usize) -> Result<Option<PageIndex>> {
        let asked: Vec<usize> = self.leaves_of(&self.asked()).collect();
        let group = self.row_group(index);
        // Which range belongs to which column, and whether it is of values or of places.
        let (mut ranges, mut of) = (Vec::new(), Vec::new());
        for leaf in self.leaves_of(&self.needed) {
            let column = group.column(leaf);
            let start = |offset: Option<i64>| offset.and_then(|offset| u64::try_from(offset).ok());
            let size = |length: Option<i32>| length.and_then(|length| u64::try_from(length).ok());
            let places = start(column.offset_index_offset()).zip(size(column.offset_index_length()));
            let values = start(column.column_index_offset()).zip(size(column.column_index_length()));
            for (range, is_values) in [(places, false), (values.filter(|_| asked.contains(&leaf)), true)] {
                let range = range.and_then(|(start, size)| Some(start..start.checked_add(size)?));
                if let Some(range) = range.filter(|range| range.end <= self.end && !range.is_empty()) {
                    ranges.push(range);
                    of.push((leaf, is_values));
                }
            }
        }
        let total = ranges.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        if !of.iter().any(|(_, is_values)| *is_values) || total > MOST_INDEX {
            return Ok(None);
        }
        let blobs = self.fetch(&ranges).await?;
        let (metadata, group) = (self.metadata.clone(), group.clone());
        let parse = move || Ok(parse_index(&metadata, group, &of, blobs));
        contained(self.service.compute.run(parse).await)
    }

    /// The rows that the pages leave.
    pub(super) fn rows_of_pages(&self, row_group: usize, index: &PageIndex) -> Rows {
        let total = self.rows(row_group);
        let Some(filter) = &self.filter else { return Rows::all(total) };
        let places = |leaf: usize| pages(index.provider.page_locations(0, leaf)?, total);
        let sets = prune::pages(&index.metadata, &*index.provider, &self.schema, filter, places);
        sets.into_iter().fold(Rows::all(total), |rows, set| rows.within(set))
    }

    /// Reads the columns that have not come yet, as far as these rows need them.
    pub(super) async fn read(
        &self,
        index: usize,
        roots: &[usize],
        rows: &Rows,
        page_index: Option<&PageIndex>,
        came: &mut HashMap<usize, Came>,
    ) -> Result<()> {
        let total = self.rows(index);
        let missing: Vec<usize> = self.leaves_of(roots).filter(|leaf| !came.contains_key(leaf)).collect();
        let mut ranges = Vec::new();
        let mut layouts = Vec::new();
        for leaf in missing {
            let whole = extent(self.row_group(index).column(leaf), self.end)?;
            let located = page_index.filter(|_| !rows.is_all()).and_then(|index| located(index, leaf, &whole, total));
            let first = ranges.len();
            let layout = match located {
                None => {
                    ranges.push(whole);
                    None
                }
                Some(pages) => {
                    let data = pages.first().map_or(whole.end, |(_, bytes)| bytes.start);
                    let has_dictionary = data > whole.start;
                    ranges.extend(has_dictionary.then_some(whole.start..data));
                    ranges.extend(pages.iter().filter(|(range, _)| rows.touch(range)).map(|(_, bytes)| bytes.clone()));
                    Some((has_dictionary, pages))
                }
            };
            layouts.push((leaf, first..ranges.len(), layout));
        }
        self.check_budget(index, &ranges)?;
        let blobs = self.fetch(&ranges).await?;
        for (leaf, of, layout) in layouts {
            let mut blobs = blobs[of].iter().cloned();
            let bytes = match layout {
                None => Came::Whole(blobs.next().unwrap_or_default()),
                Some((has_dictionary, pages)) => {
                    let dictionary = if has_dictionary { blobs.next() } else { None };
                    let mut bytes = |range: &Range<usize>| if rows.touch(range) { blobs.next() } else { None };
                    Came::Pages {
                        dictionary,
                        pages: pages.into_iter().map(|(range, _)| (range.clone(), bytes(&range))).collect(),
                    }
                }
            };
            came.insert(leaf, bytes);
        }
        Ok(())
    }

    /// Reads ranges: out of what has come with the footer, if all of them are there.
    async fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (start, tail) = &self.tail;
        let piece = |range: &Range<u64>| {
            let at = usize::try_from(range.start.checked_sub(*start)?).ok()?;
            let end = usize::try_from(range.end.checked_sub(*start)?).ok()?;
            (at <= end && end <= tail.len()).then(|| tail.slice(at..end))
        };
        match ranges.iter().map(piece).collect() {
            Some(pieces) => Ok(pieces),
            None => self.source.read(ranges).await,
        }
    }

    fn check_budget(&self, index: usize, ranges: &[Range<u64>]) -> Result<()> {
        let size = ranges.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        if size <= self.most_bytes {
            return Ok(());
        }
        let most = self.most_bytes;
        let message = format!(
            "row group {index} has {size} bytes in the columns that are read, and {most} may be in memory; raise \
             max_prefetch, or read fewer columns"
        );
        Err(Error::new(Kind::NoSpace, message))
    }
}

/// The pages of a column, by their rows and their bytes. None: what the index says of them cannot be.
fn located(
    index: &PageIndex,
    leaf: usize,
    whole: &Range<u64>,
    total: usize,
) -> Option<Vec<(Range<usize>, Range<u64>)>> {
    let locations = index.provider.page_locations(0, leaf)?;
    let rows = pages(locations, total)?;
    let mut at = whole.start;
    let mut pages = Vec::with_capacity(rows.len());
    for (rows, location) in rows.into_iter().zip(locations) {
        let start = u64::try_from(location.offset).ok()?;
        let end = start.checked_add(u64::try_from(location.compressed_page_size).ok()?)?;
        if start < at || end > whole.end || start == end {
            return None;
        }
        at = end;
        pages.push((rows, start..end));
    }
    Some(pages)
}

/// Decodes the indexes that have come, as those of a file that has nothing else.
fn parse_index(
    metadata: &ParquetMetaData,
    group: RowGroupMetaData,
    of: &[(usize, bool)],
    blobs: Vec<Bytes>,
) -> Option<PageIndex> {
    let mut all = Vec::new();
    let mut builder = group.into_builder();
    let mut columns: Vec<_> = builder
        .take_columns()
        .into_iter()
        .map(|column| {
            let column = column.into_builder().set_offset_index_offset(None).set_offset_index_length(None);
            column.set_column_index_offset(None).set_column_index_length(None)
        })
        .map(Some)
        .collect();
    for ((leaf, is_values), blob) in of.iter().zip(blobs) {
        // The crate makes room for as many elements as a list says that it has.
        Thrift::new(&blob).skip(super::thrift::kind::STRUCT).ok()?;
        let (offset, length) = (Some(all.len() as i64), Some(i32::try_from(blob.len()).ok()?));
        let column = columns.get_mut(*leaf)?;
        *column = column.take().map(|column| match is_values {
            true => column.set_column_index_offset(offset).set_column_index_length(length),
            false => column.set_offset_index_offset(offset).set_offset_index_length(length),
        });
        all.extend_from_slice(&blob);
    }
    let columns: Result<Vec<_>, _> = columns.into_iter().flatten().map(|column| column.build()).collect();
    let group = builder.set_column_metadata(columns.ok()?).build().ok()?;
    let alone = ParquetMetaData::new(metadata.file_metadata().clone(), vec![group]);
    let size = all.len() as u64;
    let decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(size.max(8), alone).ok()?;
    let mut decoder = decoder.with_page_index_policy(PageIndexPolicy::Optional);
    decoder.push_range(0..size, Bytes::from(all)).ok()?;
    match decoder.try_decode().ok()? {
        DecodeResult::Data(metadata) => {
            let provider = metadata.page_index()?.clone();
            Some(PageIndex { metadata, provider })
        }
        _ => None,
    }
}

/// The schema that batches have in which only these columns are.
pub(super) fn schema_of(schema: &Schema, roots: &[usize]) -> Result<SchemaRef> {
    Ok(Arc::new(schema.project(roots).map_err(decode::wrong)?))
}
