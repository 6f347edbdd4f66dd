//! A computed value, put into slots.

use super::{JsonError, Kind, Layout, Slot, Slots, Value};

/// Appends what the layout wants of `value` to `out` and gives the slot of the whole.
/// Errors: more than slots can point at.
pub(super) fn pour(value: &Value, kind: Kind, layout: &Layout, out: &mut Slots) -> Result<Slot, JsonError> {
    match (value, kind) {
        (Value::Null, _) => Ok(Slot::Null),
        (Value::Array(items), Kind::Object(_)) => {
            let start = out.cells.len();
            out.cells.resize(start + items.len(), Slot::Missing);
            for (index, item) in items.iter().enumerate() {
                out.cells[start + index] = pour(item, kind, layout, out)?;
            }
            Ok(Slot::List { start: place(start)?, len: place(items.len())? })
        }
        (Value::Object(object), Kind::Object(node)) => {
            let Some(node) = layout.nodes.get(node.0 as usize) else { return Ok(Slot::Missing) };
            let start = out.cells.len();
            out.cells.resize(start + node.width(), Slot::Missing);
            for (index, column) in node.columns.iter().enumerate() {
                if let Some(value) = object.get(&column.name) {
                    out.cells[start + index] = pour(value, column.kind, layout, out)?;
                }
            }
            Ok(Slot::Object { start: place(start)? })
        }
        _ => {
            let start = out.text.len();
            value.write_json(&mut out.text);
            Ok(Slot::Owned { start: place(start)?, len: place(out.text.len() - start)? })
        }
    }
}

/// A position as slots hold it.
pub(super) fn place(at: usize) -> Result<u32, JsonError> {
    u32::try_from(at).map_err(|_| JsonError { reason: "too large a result", at })
}
