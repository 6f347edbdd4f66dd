//! Where the values of a run are: 16 bytes each, pointing into replies instead of copying them.

/// One value under construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Slot {
    /// No value at all (not null).
    #[default]
    Missing,
    /// JSON null.
    Null,
    /// JSON text inside the reply with that number. The text is valid JSON, without white space around it.
    Span {
        /// Number of the reply, as given to `Program::read`.
        reply: u32,
        /// First byte.
        start: u32,
        /// Bytes.
        len: u32,
    },
    /// JSON text inside [`Slots::text`], valid likewise.
    Owned {
        /// First byte.
        start: u32,
        /// Bytes.
        len: u32,
    },
    /// An object: its first cell in [`Slots::cells`]; the node says how many there are.
    Object {
        /// Index of the first cell.
        start: u32,
    },
    /// A list whose items are consecutive cells (objects, lists of objects, or null).
    List {
        /// Index of the first item.
        start: u32,
        /// Number of items.
        len: u32,
    },
    /// In a join cell: number of the result of the step that hangs there.
    Result(u32),
    /// In a join cell: number of the error that took the result's place.
    Error(u32),
}

/// All cells and computed texts of one step's results.
#[derive(Debug, Default)]
pub struct Slots {
    /// Objects and lists, as runs of cells.
    pub cells: Vec<Slot>,
    /// JSON text of computed values.
    pub text: Vec<u8>,
}
