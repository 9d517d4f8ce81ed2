//! From the struct of an array to its data: along the type that its schema has told, so a struct that contains itself
//! ends where the type does.

use super::abi::ArrowArray;
use super::owner::Owner;
use super::{MAX_BUFFERS, MAX_BYTES, Place, values};
use crate::error::{Error, Kind, Result};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::{ArrayData, BufferSpec, layout};
use arrow_schema::{DataType, FieldRef, UnionMode};
use std::ptr::NonNull;
use std::sync::Arc;

/// Reads arrays of one owner.
pub(super) struct Reader<'a> {
    pub(super) owner: &'a Arc<Owner>,
    /// The values are believed.
    pub(super) is_trusted: bool,
    /// Buffers that were copied, because they were not aligned.
    pub(super) copied: u64,
}

/// A struct whose counts are right, in numbers that memory can have.
struct Node {
    array: ArrowArray,
    length: usize,
    offset: usize,
    /// Both together.
    end: usize,
}

impl Reader<'_> {
    /// Reads an array and what it is made of. It refers to the memory of the host, and has been checked as far as can
    /// be: how large the buffers are, the interface does not tell.
    ///
    /// # Safety
    ///
    /// `at` is NULL or at a struct, whose pointers are NULL or point to what the interface says, for as long as the
    /// owner lives. `data_type` is one that a schema was read to have.
    pub(super) unsafe fn read(
        &mut self,
        at: *const ArrowArray,
        data_type: &DataType,
        place: &Place<'_>,
    ) -> Result<ArrayData> {
        // SAFETY: the caller's.
        let node = unsafe { node(at, data_type, place) }?;
        // SAFETY: the caller's.
        let children = unsafe { self.children(&node, data_type, place) }?;
        check_children(&node, data_type, &children, place)?;
        // SAFETY: the caller's.
        let (nulls, buffers) = unsafe { self.buffers(&node, data_type, place) }?;
        if node.length == 0 {
            return Ok(ArrayData::new_empty(data_type));
        }
        let builder = ArrayData::builder(data_type.clone())
            .len(node.length)
            .offset(node.offset)
            .nulls(nulls)
            .buffers(buffers)
            .child_data(children);
        // SAFETY: the buffers are as large and aligned as the type wants, and there are as many; so are the children.
        // The values are looked at next, or promised by the caller to be right.
        let data = unsafe { builder.build_unchecked() };
        values::check_ends(&data, place)?;
        if !self.is_trusted {
            values::check(&data, place)?;
        }
        Ok(data)
    }

    /// # Safety
    ///
    /// As [`Reader::read`].
    unsafe fn children(&mut self, node: &Node, data_type: &DataType, place: &Place<'_>) -> Result<Vec<ArrayData>> {
        if let DataType::Dictionary(_, values) = data_type {
            // SAFETY: the caller's.
            return Ok(vec![unsafe { self.read(node.array.dictionary, values, &place.within("dictionary")) }?]);
        }
        fields_of(data_type)
            .iter()
            .enumerate()
            .map(|(index, field)| {
                // SAFETY: the caller's: as many as the type has, which is how many the struct says there are.
                let child = unsafe { node.array.children.add(index).read_unaligned() };
                // SAFETY: the caller's.
                unsafe { self.read(child, field.data_type(), &place.within(field.name())) }
            })
            .collect()
    }

    /// Its validity, if it has nulls, and its buffers.
    ///
    /// # Safety
    ///
    /// As [`Reader::read`].
    unsafe fn buffers(
        &mut self,
        node: &Node,
        data_type: &DataType,
        place: &Place<'_>,
    ) -> Result<(Option<NullBuffer>, Vec<Buffer>)> {
        let layout = layout(data_type);
        let mask = usize::from(layout.can_contain_null_mask);
        // SAFETY: the caller's: as many as the type has, which is how many the struct says there are.
        let pointer = |index: usize| unsafe { node.array.buffers.add(index).read_unaligned() }.cast::<u8>();
        let mut nulls = None;
        if mask == 1 {
            // SAFETY: the caller's.
            nulls = unsafe { self.nulls(node, pointer(0), place) }?;
        }
        let mut buffers: Vec<Buffer> = Vec::with_capacity(layout.buffers.len());
        for (index, spec) in layout.buffers.iter().enumerate() {
            let bytes = match spec {
                BufferSpec::FixedWidth { byte_width, .. } => {
                    let one_more = usize::from(has_offsets(data_type) && node.end > 0);
                    node.end.checked_add(one_more).and_then(|count| count.checked_mul(*byte_width))
                }
                BufferSpec::BitMap => Some(node.end.div_ceil(8)),
                BufferSpec::VariableWidth => Some(last_offset(node, data_type, &buffers, place)?),
                BufferSpec::AlwaysNull => Some(0),
            };
            let alignment = match spec {
                BufferSpec::FixedWidth { alignment, .. } => *alignment,
                _ => 1,
            };
            let bytes = bytes.ok_or_else(|| place.wrong(format_args!("{} rows are too many", node.end)))?;
            // SAFETY: the caller's.
            buffers.push(unsafe { self.buffer(pointer(mask + index), bytes, alignment, mask + index, place) }?);
        }
        if layout.variadic && node.end > 0 {
            // SAFETY: the caller's.
            unsafe { self.view_buffers(node, pointer, &mut buffers, place) }?;
        }
        Ok((nulls, buffers))
    }

    /// Which slots are null. How many, is counted: what the struct says of it is not believed.
    ///
    /// # Safety
    ///
    /// As [`Reader::read`].
    unsafe fn nulls(&mut self, node: &Node, bits: *const u8, place: &Place<'_>) -> Result<Option<NullBuffer>> {
        if bits.is_null() {
            if node.array.null_count > 0 {
                let message = format_args!("`null_count` is {}, and no buffer tells which", node.array.null_count);
                return Err(place.wrong(message));
            }
            return Ok(None);
        }
        // SAFETY: the caller's.
        let bits = unsafe { self.buffer(bits, node.end.div_ceil(8), 1, 0, place) }?;
        let nulls = NullBuffer::new(BooleanBuffer::new(bits, node.offset, node.length));
        Ok((nulls.null_count() > 0).then_some(nulls))
    }

    /// The bytes of views: as many buffers as there are, with their sizes in the last one.
    ///
    /// # Safety
    ///
    /// As [`Reader::read`].
    unsafe fn view_buffers(
        &mut self,
        node: &Node,
        pointer: impl Fn(usize) -> *const u8,
        buffers: &mut Vec<Buffer>,
        place: &Place<'_>,
    ) -> Result<()> {
        // Not negative, as was seen before; the first two are the validity and the views.
        let last = node.array.n_buffers as usize - 1;
        let sizes = pointer(last).cast::<i64>();
        if last > 2 && sizes.is_null() {
            return Err(place.wrong(format_args!("buffers[{last}], which has the sizes of the others, is NULL")));
        }
        for index in 2..last {
            // SAFETY: the caller's: one for each of them.
            let size = unsafe { sizes.add(index - 2).read_unaligned() };
            let size = usize::try_from(size)
                .map_err(|_| place.wrong(format_args!("buffers[{index}] is said to have {size} bytes")))?;
            // SAFETY: the caller's.
            buffers.push(unsafe { self.buffer(pointer(index), size, 1, index, place) }?);
        }
        Ok(())
    }

    /// A buffer in the memory of the host; or a copy of it, where it is not aligned.
    ///
    /// # Safety
    ///
    /// As [`Reader::read`]: if it is not NULL, `bytes` bytes are there.
    unsafe fn buffer(
        &mut self,
        at: *const u8,
        bytes: usize,
        alignment: usize,
        index: usize,
        place: &Place<'_>,
    ) -> Result<Buffer> {
        if bytes == 0 {
            return Ok(Buffer::default());
        }
        let Some(start) = NonNull::new(at.cast_mut()) else {
            return Err(place.wrong(format_args!("buffers[{index}] is NULL, and {bytes} bytes are wanted there")));
        };
        if bytes > MAX_BYTES || (at as usize).checked_add(bytes).is_none() {
            return Err(place.wrong(format_args!("buffers[{index}] would have {bytes} bytes, more than memory has")));
        }
        if at.align_offset(alignment) == 0 {
            // SAFETY: the caller's: the bytes are there, and stay there until the owner is dropped.
            return Ok(unsafe { Buffer::from_custom_allocation(start, bytes, self.owner.clone()) });
        }
        self.copied += 1;
        // SAFETY: the caller's.
        aligned_copy(unsafe { std::slice::from_raw_parts(at, bytes) })
    }
}

/// A copy that begins where any number may.
fn aligned_copy(bytes: &[u8]) -> Result<Buffer> {
    const WIDE: usize = size_of::<u128>();
    let mut copy: Vec<u128> = Vec::new();
    copy.try_reserve_exact(bytes.len().div_ceil(WIDE)).map_err(|_| {
        Error::new(
            Kind::NoSpace,
            format!("a buffer of {} bytes that is not aligned has no place for a copy", bytes.len()),
        )
    })?;
    let whole = bytes.chunks_exact(WIDE);
    let mut rest = [0; WIDE];
    rest[..whole.remainder().len()].copy_from_slice(whole.remainder());
    copy.extend(whole.chain([&rest[..]]).map_while(|wide| wide.try_into().ok().map(u128::from_ne_bytes)));
    let copy = Buffer::from_vec(copy);
    Ok(copy.slice_with_length(0, bytes.len()))
}

/// # Safety
///
/// As [`Reader::read`].
unsafe fn node(at: *const ArrowArray, data_type: &DataType, place: &Place<'_>) -> Result<Node> {
    if at.is_null() {
        return Err(place.wrong("the array is NULL"));
    }
    // SAFETY: not NULL, so a struct, as the caller says.
    let array = unsafe { at.read_unaligned() };
    if array.release.is_none() {
        return Err(place.wrong("the array has been released: its `release` is NULL"));
    }
    let number = |number: i64, what: &str| {
        usize::try_from(number).map_err(|_| place.wrong(format_args!("the array's `{what}` is {number}")))
    };
    let (length, offset) = (number(array.length, "length")?, number(array.offset, "offset")?);
    let end = length.checked_add(offset).filter(|end| isize::try_from(*end).is_ok());
    let end = end.ok_or_else(|| place.wrong(format_args!("{length} rows behind {offset} others are too many")))?;
    if array.null_count < -1 || array.null_count > array.length {
        let message = format_args!("the array's `null_count` is {}, its length {length}", array.null_count);
        return Err(place.wrong(message));
    }
    check_counts(&array, number(array.n_buffers, "n_buffers")?, number(array.n_children, "n_children")?, data_type)
        .map_err(|what| place.wrong(what))?;
    Ok(Node { array, length, offset, end })
}

/// There are exactly as many buffers and children as the type has, and somewhere.
fn check_counts(
    array: &ArrowArray,
    buffers: usize,
    children: usize,
    data_type: &DataType,
) -> std::result::Result<(), String> {
    let layout = layout(data_type);
    let wanted = usize::from(layout.can_contain_null_mask) + layout.buffers.len();
    // The sizes of the others come with them.
    let (least, most) = if layout.variadic { (wanted + 1, MAX_BUFFERS) } else { (wanted, wanted) };
    if !(least..=most).contains(&buffers) {
        return Err(format!("the array's `n_buffers` is {buffers}, and {data_type} has {least} buffers"));
    }
    if buffers > 0 && array.buffers.is_null() {
        return Err(format!("the array's `buffers` is NULL, and {data_type} has {least} of them"));
    }
    let wanted = fields_of(data_type).len();
    if children != wanted {
        return Err(format!("the array's `n_children` is {children}, and {data_type} has {wanted} children"));
    }
    if children > 0 && array.children.is_null() {
        return Err(format!("the array's `children` is NULL, and there are {children}"));
    }
    match (data_type, array.dictionary.is_null()) {
        (DataType::Dictionary(..), true) => Err("the array has no dictionary, and its schema has".to_string()),
        (DataType::Dictionary(..), false) | (_, true) => Ok(()),
        (_, false) => Err("the array has a dictionary, and its schema has none".to_string()),
    }
}

/// The fields of the children, in their order.
fn fields_of(data_type: &DataType) -> Vec<FieldRef> {
    match data_type {
        DataType::Struct(fields) => fields.iter().cloned().collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| field.clone()).collect(),
        DataType::RunEndEncoded(ends, values) => vec![ends.clone(), values.clone()],
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => vec![item.clone()],
        _ => Vec::new(),
    }
}

/// Children are as long as their parent needs them.
fn check_children(node: &Node, data_type: &DataType, children: &[ArrayData], place: &Place<'_>) -> Result<()> {
    let wanted = match data_type {
        DataType::Struct(_) | DataType::Union(_, UnionMode::Sparse) => node.end,
        DataType::FixedSizeList(_, size) => {
            let wanted = node.end.checked_mul(*size as usize);
            wanted.ok_or_else(|| place.wrong(format_args!("{} lists of {size} values are too many", node.end)))?
        }
        DataType::RunEndEncoded(..) => {
            let (ends, values) = (children[0].len(), children[1].len());
            if ends != values {
                return Err(place.wrong(format_args!("there are {ends} run ends and {values} values")));
            }
            if children[0].nulls().is_some() {
                return Err(place.wrong("a run end is null"));
            }
            0
        }
        _ => 0,
    };
    // An array without rows is empty, whatever its offset.
    let wanted = if node.length == 0 { 0 } else { wanted };
    match children.iter().position(|child| child.len() < wanted) {
        None => Ok(()),
        Some(short) => {
            let length = children[short].len();
            Err(place.wrong(format_args!("child {short} has {length} rows, and {wanted} are wanted")))
        }
    }
}

fn has_offsets(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::Map(..)
    )
}

/// The last offset of texts or bytes: as many are wanted of the buffer that they are in.
fn last_offset(node: &Node, data_type: &DataType, buffers: &[Buffer], place: &Place<'_>) -> Result<usize> {
    match data_type {
        _ if node.end == 0 => Ok(0),
        DataType::LargeUtf8 | DataType::LargeBinary => {
            values::ends::<i64>(&buffers[0], node.offset, node.length, place)
        }
        _ => values::ends::<i32>(&buffers[0], node.offset, node.length, place),
    }
}
