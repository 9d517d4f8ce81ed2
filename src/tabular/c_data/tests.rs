//! What comes in is what went out; and whatever comes in, arrow's own validation finds nothing that ours has missed.

use super::*;
use crate::memory::Loan;
use crate::service::{Service, Shared};
use crate::settings::Settings;
use crate::tabular::{Table, samples};
use arrow_array::Int32Array;
use arrow_array::builder::{ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder, UInt32Builder};
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, FixedSizeBinaryArray, FixedSizeListArray, LargeBinaryArray, LargeListArray,
    ListArray, ListViewArray, NullArray, RecordBatch, RunArray, StringArray, StringViewArray, StructArray, UnionArray,
    make_array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, SchemaRef, UnionFields};
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// A column of each type that has parts: four rows, the second of which is null where one may be.
fn nested() -> RecordBatch {
    let item = Arc::new(Field::new_list_field(DataType::Int32, true));
    let numbers = || -> ArrayRef { Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4)])) };
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
        Some(vec![Some(7)]),
    ]);
    let large = LargeListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None, Some(vec![]), None]);
    let views = ListViewArray::new(
        item.clone(),
        ScalarBuffer::from(vec![2, 0, 1, 0]),
        ScalarBuffer::from(vec![2, 4, 0, 1]),
        numbers(),
        None,
    );
    let fixed = FixedSizeListArray::new(item, 1, numbers(), Some(vec![true, false, true, true].into()));
    let mut map = MapBuilder::new(None, StringBuilder::new(), UInt32Builder::new());
    for row in 0..4 {
        map.keys().append_value(format!("key {row}"));
        map.values().append_option((row != 2).then_some(row));
        map.append(row != 1).unwrap();
    }
    let mut words = StringDictionaryBuilder::<Int8Type>::new();
    [Some("one"), None, Some("two"), Some("one")].into_iter().for_each(|word| words.append_option(word));
    let runs: RunArray<Int32Type> = [Some("a"), Some("a"), None, Some("b")].into_iter().collect();
    let kinds = UnionFields::try_new(
        [3, 9],
        [Field::new("number", DataType::Int32, true), Field::new("text", DataType::Utf8, true)],
    )
    .unwrap();
    let texts = || -> ArrayRef { Arc::new(StringArray::from(vec![Some("é"), None, Some(""), Some("four")])) };
    let union = |offsets: Option<Vec<i32>>| {
        let ids = ScalarBuffer::from(vec![3i8, 9, 9, 3]);
        UnionArray::try_new(kinds.clone(), ids, offsets.map(Into::into), vec![numbers(), texts()]).unwrap()
    };
    let structs = StructArray::from(vec![
        (Arc::new(Field::new("number", DataType::Int32, true)), numbers()),
        (Arc::new(Field::new("text", DataType::Utf8, true)), texts()),
    ]);
    let mut deep = ListBuilder::new(ListBuilder::new(StringBuilder::new()));
    for row in 0..4 {
        deep.values().values().append_value("x".repeat(row * 7));
        deep.values().append(row != 3);
        deep.append(row != 1);
    }
    samples::batch(vec![
        ("null", Arc::new(NullArray::new(4))),
        ("list", Arc::new(list)),
        ("large list", Arc::new(large)),
        ("list view", Arc::new(views)),
        ("fixed list", Arc::new(fixed)),
        ("map", Arc::new(map.finish())),
        ("words", Arc::new(words.finish())),
        ("runs", Arc::new(runs)),
        ("dense", Arc::new(union(Some(vec![0, 1, 3, 3])))),
        ("sparse", Arc::new(union(None))),
        ("struct", Arc::new(structs)),
        ("deep", Arc::new(deep.finish())),
        ("bytes", Arc::new(LargeBinaryArray::from(vec![Some(&b"\xff"[..]), None, Some(b""), Some(b"abc")]))),
        ("byte views", Arc::new(BinaryViewArray::from(vec![Some(&[255; 40][..]), None, Some(b""), Some(b"abc")]))),
        (
            "fixed bytes",
            Arc::new(FixedSizeBinaryArray::try_from_iter([b"ab", b"cd", b"ef", b"gh"].into_iter()).unwrap()),
        ),
        ("views", Arc::new(StringViewArray::from(vec![Some("é".repeat(20)), None, Some("short".into()), None]))),
    ])
}

fn service() -> Service {
    Service::new(Settings { io_threads: 1, pool_threads: 1, compute_threads: 1, ..Settings::default() }).unwrap()
}

/// Sends a batch out and takes it in again.
fn around(service: &Arc<Shared>, batch: &RecordBatch, is_trusted: bool) -> Table {
    let (mut schema, mut array) = (ArrowSchema::EMPTY, ArrowArray::EMPTY);
    // SAFETY: the places are there.
    unsafe {
        export_schema(&batch.schema(), &raw mut schema).unwrap();
        export_batch(batch, &raw mut array);
    }
    let options = ImportOptions { is_trusted, is_any_thread: false };
    // SAFETY: just made.
    let (table, moves) = unsafe { import_table(service, &raw mut schema, &raw mut array, 1, options) }.unwrap();
    moves.commit();
    assert!(schema.release.is_none() && array.release.is_none());
    table
}

#[test]
fn what_went_out_comes_in_the_same() {
    let service = service();
    for batch in [samples::scalars(), nested()] {
        for (offset, length) in [(0, 4), (1, 3), (2, 1), (3, 1), (1, 0), (0, 0)] {
            let part = batch.slice(offset, length);
            for is_trusted in [false, true] {
                let table = around(service.shared(), &part, is_trusted);
                let mut again = around(service.shared(), &table.batches()[0], is_trusted).batches()[0].clone();
                drop(table);
                assert_eq!(again.num_rows(), length);
                for (index, column) in part.columns().iter().enumerate() {
                    let name = part.schema().field(index).name().clone();
                    assert_eq!(again.column(index), column, "{name} from {offset} on, {length} rows");
                    again.column(index).to_data().validate_full().unwrap_or_else(|error| panic!("{name}: {error}"));
                }
                again = again.slice(0, 0);
                drop(again);
            }
        }
    }
    service.free();
}

/// The buffers of an array and of what it is made of that hold numbers which must be right, with their sizes.
fn buffers_of(array: &ArrowArray, data: &arrow_data::ArrayData) -> Vec<(*mut u8, usize)> {
    let layout = arrow_data::layout(data.data_type());
    let mask = usize::from(layout.can_contain_null_mask);
    let mut found: Vec<_> =
        data.buffers().iter().enumerate().map(|(index, buffer)| (mask + index, buffer.len())).collect();
    if mask == 1 && data.nulls().is_some() {
        found.push((0, data.len().div_ceil(8)));
    }
    // SAFETY: as many pointers are there.
    let at = |index: usize| unsafe { *array.buffers.add(index) }.cast_mut().cast::<u8>();
    found.into_iter().map(|(index, size)| (at(index), size)).collect()
}

/// Gives an array memory of its own, which may be written.
fn own(
    array: &mut ArrowArray,
    data: &arrow_data::ArrayData,
    kept: &mut Vec<Box<[u128]>>,
    writable: &mut Vec<(usize, usize)>,
) {
    for (from, size) in buffers_of(array, data) {
        let mut copy = vec![0u128; size.div_ceil(16)].into_boxed_slice();
        let to = copy.as_mut_ptr().cast::<u8>();
        // SAFETY: both have as many bytes.
        unsafe { std::ptr::copy_nonoverlapping(from, to, size) };
        for index in 0..array.n_buffers as usize {
            // SAFETY: as many pointers are there.
            unsafe {
                if *array.buffers.add(index) == from.cast::<c_void>().cast_const() {
                    *array.buffers.add(index) = to.cast();
                }
            }
        }
        writable.push((to as usize, size));
        kept.push(copy);
    }
    let is_dictionary = matches!(data.data_type(), DataType::Dictionary(..));
    for (index, child) in data.child_data().iter().enumerate() {
        // SAFETY: the struct has as many.
        let at = unsafe { if is_dictionary { &mut *array.dictionary } else { &mut **array.children.add(index) } };
        own(at, child, kept, writable);
    }
}

/// Numbers that are likely to be wrong where a length, an offset, an index or a text is wanted. None makes a buffer
/// larger than it was: that cannot be seen by anybody.
fn spoil(buffer: (usize, usize), dice: &mut fastrand::Rng) {
    if buffer.1 == 0 {
        return;
    }
    let at = dice.usize(0..buffer.1);
    let value = match dice.u8(0..5) {
        0 => 0xff,
        1 => 0x80,
        2 => 0,
        3 => dice.u8(0..6),
        _ => dice.u8(..),
    };
    // SAFETY: within a buffer that is the test's own.
    unsafe { *((buffer.0 + at) as *mut u8) = value };
}

/// Whether the last offset of a text reaches beyond what there is: the one thing that cannot be checked.
fn is_beyond(data: &arrow_data::ArrayData, array: &ArrowArray) -> bool {
    let end = data.offset() + data.len();
    let room = || data.buffers()[1].len() as i64;
    // SAFETY: as many buffers and offsets are there.
    let last = |wide: bool| unsafe {
        let offsets = *array.buffers.add(1);
        if wide { *offsets.cast::<i64>().add(end) } else { i64::from(*offsets.cast::<i32>().add(end)) }
    };
    match data.data_type() {
        DataType::Utf8 | DataType::Binary => last(false) > room(),
        DataType::LargeUtf8 | DataType::LargeBinary => last(true) > room(),
        _ => false,
    }
}

fn any_is_beyond(data: &arrow_data::ArrayData, array: &ArrowArray) -> bool {
    let is_dictionary = matches!(data.data_type(), DataType::Dictionary(..));
    let children = data.child_data().iter().enumerate();
    is_beyond(data, array)
        || children.into_iter().any(|(index, child)| {
            // SAFETY: the struct has as many.
            let at = unsafe { if is_dictionary { &*array.dictionary } else { &**array.children.add(index) } };
            any_is_beyond(child, at)
        })
}

/// Bytes of any buffer are changed: what is taken all the same is valid by arrow's own word, and can be read.
#[test]
fn values_that_arrow_calls_wrong_are_refused() {
    let service = service();
    let mut dice = fastrand::Rng::with_seed(7);
    let (mut taken, mut refused) = (0, 0);
    for batch in [nested(), samples::scalars()] {
        for _ in 0..4000 {
            let column = dice.usize(0..batch.num_columns());
            let part = batch.project(&[column]).unwrap();
            let data = arrow_array::StructArray::from(part.clone()).into_data();
            let (mut schema, mut array) = (ArrowSchema::EMPTY, ArrowArray::EMPTY);
            let (mut kept, mut writable) = (Vec::new(), Vec::new());
            // SAFETY: the places are there.
            unsafe {
                export_schema(&part.schema(), &raw mut schema).unwrap();
                export_batch(&part, &raw mut array);
            }
            own(&mut array, &data, &mut kept, &mut writable);
            for _ in 0..dice.u32(1..4) {
                if let Some(buffer) = dice.choice(&writable) {
                    spoil(*buffer, &mut dice);
                }
            }
            let is_out_of_reach = any_is_beyond(&data, &array);
            if !is_out_of_reach {
                // SAFETY: just made; the sizes of all buffers are right.
                let read = unsafe {
                    import_table(service.shared(), &raw mut schema, &raw mut array, 1, ImportOptions::default())
                };
                match read {
                    Ok((table, _moves)) => {
                        taken += 1;
                        let column = table.batches()[0].column(0);
                        column
                            .to_data()
                            .validate_full()
                            .unwrap_or_else(|error| panic!("{}: {error}", column.data_type()));
                        let text = format!("{:?}", make_array(column.to_data()));
                        assert!(!text.is_empty());
                    }
                    Err(error) => {
                        refused += 1;
                        assert_eq!(error.kind, crate::error::Kind::Argument, "{error}");
                    }
                }
            }
            // SAFETY: nothing was moved.
            unsafe {
                array.release();
                schema.release();
            }
        }
    }
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
    service.free();
}

/// Counts how often it is pulled.
struct Counting(RecordBatch, Arc<AtomicU32>);

impl Pull for Counting {
    fn schema(&mut self) -> crate::error::Result<SchemaRef> {
        Ok(self.0.schema())
    }

    fn next(&mut self) -> crate::error::Result<Option<RecordBatch>> {
        self.1.fetch_add(1, SeqCst);
        Ok(Some(self.0.clone()))
    }
}

#[test]
fn a_stream_is_pulled_at_most_two_batches_ahead() {
    let (service, pulled) = (service(), Arc::new(AtomicU32::new(0)));
    let mut stream = ArrowArrayStream {
        get_schema: None,
        get_next: None,
        get_last_error: None,
        release: None,
        private_data: std::ptr::null_mut(),
    };
    // SAFETY: the place is there.
    unsafe { export_stream(Box::new(Counting(nested(), pulled.clone())), &raw mut stream) };
    let options = ImportOptions { is_trusted: false, is_any_thread: true };
    // SAFETY: just made.
    let (table, moves) = unsafe { import_stream(service.shared(), &raw mut stream, options) }.unwrap();
    moves.commit();
    let loan = Loan::new();
    let mut batches = table.open(&loan).unwrap();
    assert_eq!(pulled.load(SeqCst), 0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for given in 1..4 {
            assert_eq!(batches.next().await.unwrap().map(|batch| batch.num_rows()), Some(4));
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            assert!(pulled.load(SeqCst) <= given + 2, "{pulled:?} after {given}");
        }
    });
    drop(batches);
    drop(table);
    service.free();
}

/// Offsets of a list that was cut out of another begin in its middle.
#[test]
fn offsets_may_begin_in_the_middle() {
    let service = service();
    let item = Arc::new(Field::new_list_field(DataType::Int32, true));
    let list = ListArray::new(
        item,
        OffsetBuffer::new(vec![2, 3, 3].into()),
        Arc::new(Int32Array::from(vec![1, 2, 3, 4])),
        None,
    );
    let batch = samples::batch(vec![("x", Arc::new(list))]);
    assert_eq!(around(service.shared(), &batch, false).batches()[0], batch);
    service.free();
}
