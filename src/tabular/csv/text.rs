//! Columns of texts, and of nothing.

use super::parse::{Column, Fields};
use super::swar;
use arrow_array::builder::GenericByteDictionaryBuilder;
use arrow_array::types::{ArrowDictionaryKeyType, ByteArrayType, Utf8Type};
use arrow_array::{ArrayRef, GenericByteArray, NullArray};
use arrow_buffer::{ArrowNativeType, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use std::sync::Arc;

/// Texts, one behind the other.
pub(super) struct Texts<T: ByteArrayType> {
    values: Vec<u8>,
    offsets: Vec<T::Offset>,
    nulls: Vec<usize>,
}

impl<T: ByteArrayType> Texts<T> {
    pub(super) fn new(rows: usize) -> Texts<T> {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(T::Offset::default());
        Texts { values: Vec::new(), offsets, nulls: Vec::new() }
    }
}

impl<T: ByteArrayType> Column for Texts<T> {
    fn take(&mut self, fields: &mut Fields<'_>) {
        let must_check = !fields.is_utf8;
        let Texts { values, offsets, nulls, .. } = self;
        let mut end = values.len();
        // A content is not longer than its field.
        values.resize(end + fields.bytes(), 0);
        fields.each(|content| {
            let is_right = match content {
                None => {
                    nulls.push(offsets.len() - 1);
                    true
                }
                Some(text) if must_check && simdutf8::basic::from_utf8(text).is_err() => {
                    nulls.push(offsets.len() - 1);
                    false
                }
                Some(text) => {
                    swar::put(text, &mut values[end..]);
                    end += text.len();
                    true
                }
            };
            offsets.push(T::Offset::usize_as(end));
            is_right
        });
        values.truncate(end);
    }

    fn finish(self: Box<Self>) -> Result<ArrayRef, ArrowError> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let nulls = nulls(offsets.len() - 1, &self.nulls);
        Ok(Arc::new(GenericByteArray::<T>::try_new(offsets, self.values.into(), nulls)?))
    }
}

/// So many nulls, which are all that their column may have.
pub(super) struct Nulls(pub(super) usize);

impl Column for Nulls {
    fn take(&mut self, fields: &mut Fields<'_>) {
        fields.each(|content| {
            self.0 += 1;
            content.is_none()
        });
    }

    fn finish(self: Box<Self>) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(NullArray::new(self.0)))
    }
}

/// The validity of so many values, of which some are null.
pub(super) fn nulls(count: usize, nulls: &[usize]) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = vec![u8::MAX; count.div_ceil(8)];
    for null in nulls {
        if let Some(byte) = bits.get_mut(null / 8) {
            *byte &= !(1 << (null % 8));
        }
    }
    Some(NullBuffer::new(arrow_buffer::BooleanBuffer::new(bits.into(), 0, count)))
}

/// Texts as keys of a dictionary.
pub(super) struct Dictionary<K: ArrowDictionaryKeyType>(pub(super) GenericByteDictionaryBuilder<K, Utf8Type>);

impl<K: ArrowDictionaryKeyType> Column for Dictionary<K> {
    fn take(&mut self, fields: &mut Fields<'_>) {
        let builder = &mut self.0;
        fields.each(|content| {
            let text = content.map(simdutf8::basic::from_utf8);
            let is_right = match text {
                None => false,
                // Where the keys are too few for the texts, that is wrong as well.
                Some(text) => text.is_ok_and(|text| builder.append(text).is_ok()),
            };
            if !is_right {
                builder.append_null();
            }
            is_right || content.is_none()
        });
    }

    fn finish(mut self: Box<Self>) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(self.0.finish()))
    }
}
