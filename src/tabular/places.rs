//! Where the value of a row is: at its own place, or where a dictionary or a run says.

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, RunArray};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::DataType;

/// A column, without the dictionaries and runs around its values.
pub(super) struct Places<'a> {
    levels: Vec<Level<'a>>,
    nulls: Option<&'a NullBuffer>,
    /// The values.
    pub(super) array: &'a dyn Array,
}

struct Level<'a> {
    nulls: Option<&'a NullBuffer>,
    keys: Keys<'a>,
}

enum Keys<'a> {
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Runs16(&'a RunArray<Int16Type>),
    Runs32(&'a RunArray<Int32Type>),
    Runs64(&'a RunArray<Int64Type>),
}

impl<'a> Places<'a> {
    pub(super) fn new(mut array: &'a dyn Array) -> Places<'a> {
        let mut levels = Vec::new();
        while let Some((keys, values)) = Keys::new(array) {
            levels.push(Level { nulls: array.nulls(), keys });
            array = values;
        }
        Places { levels, nulls: array.nulls(), array }
    }

    /// Where the value of a row is in [`Places::array`]; none: it is null.
    #[inline]
    pub(super) fn of(&self, row: usize) -> Option<usize> {
        let mut place = row;
        for level in &self.levels {
            if level.nulls.is_some_and(|nulls| nulls.is_null(place)) {
                return None;
            }
            place = level.keys.at(place);
        }
        if self.nulls.is_some_and(|nulls| nulls.is_null(place)) { None } else { Some(place) }
    }
}

impl<'a> Keys<'a> {
    /// The keys of an array, and what they lead to; none where the values are its own.
    fn new(array: &'a dyn Array) -> Option<(Keys<'a>, &'a dyn Array)> {
        match array.data_type() {
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary_opt()?;
                Some((Keys::of(dictionary.keys())?, dictionary.values().as_ref()))
            }
            DataType::RunEndEncoded(ends, _) => Some(match ends.data_type() {
                DataType::Int16 => {
                    let runs = array.as_run_opt::<Int16Type>()?;
                    (Keys::Runs16(runs), runs.values().as_ref())
                }
                DataType::Int32 => {
                    let runs = array.as_run_opt::<Int32Type>()?;
                    (Keys::Runs32(runs), runs.values().as_ref())
                }
                _ => {
                    let runs = array.as_run_opt::<Int64Type>()?;
                    (Keys::Runs64(runs), runs.values().as_ref())
                }
            }),
            _ => None,
        }
    }

    fn of(keys: &'a dyn Array) -> Option<Keys<'a>> {
        Some(match keys.data_type() {
            DataType::Int8 => Keys::Int8(keys.as_primitive::<Int8Type>().values()),
            DataType::Int16 => Keys::Int16(keys.as_primitive::<Int16Type>().values()),
            DataType::Int32 => Keys::Int32(keys.as_primitive::<Int32Type>().values()),
            DataType::Int64 => Keys::Int64(keys.as_primitive::<Int64Type>().values()),
            DataType::UInt8 => Keys::UInt8(keys.as_primitive::<UInt8Type>().values()),
            DataType::UInt16 => Keys::UInt16(keys.as_primitive::<UInt16Type>().values()),
            DataType::UInt32 => Keys::UInt32(keys.as_primitive::<UInt32Type>().values()),
            DataType::UInt64 => Keys::UInt64(keys.as_primitive::<UInt64Type>().values()),
            _ => return None,
        })
    }

    fn at(&self, row: usize) -> usize {
        match self {
            Keys::Int8(keys) => keys[row].as_usize(),
            Keys::Int16(keys) => keys[row].as_usize(),
            Keys::Int32(keys) => keys[row].as_usize(),
            Keys::Int64(keys) => keys[row].as_usize(),
            Keys::UInt8(keys) => keys[row].as_usize(),
            Keys::UInt16(keys) => keys[row].as_usize(),
            Keys::UInt32(keys) => keys[row].as_usize(),
            Keys::UInt64(keys) => keys[row].as_usize(),
            Keys::Runs16(runs) => runs.get_physical_index(row),
            Keys::Runs32(runs) => runs.get_physical_index(row),
            Keys::Runs64(runs) => runs.get_physical_index(row),
        }
    }
}
